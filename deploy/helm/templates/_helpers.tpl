{{- define "gatehouse.labels" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gatehouse.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* The host of an address, quoted; with a handle in it, the host of every handle. */}}
{{- define "gatehouse.host" -}}
{{ (urlParse (replace "{handle}" "*" .)).host | quote }}
{{- end }}

{{- define "gatehouse.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* What every process of it is told. */}}
{{- define "gatehouse.env" -}}
- {name: ISSUER, value: {{ required "set issuer" .Values.issuer | quote }}}
- {name: GATEWAY_URL, value: {{ required "set gatewayUrl" .Values.gatewayUrl | quote }}}
- {name: HOSTED_URL, value: {{ required "set hostedUrl" .Values.hostedUrl | quote }}}
- {name: COMPAT_URL, value: {{ required "set compatUrl" .Values.compatUrl | quote }}}
- {name: DEFAULT_FROM_EMAIL, value: {{ required "set fromEmail" .Values.fromEmail | quote }}}
- {name: TRUSTED_PROXY_COUNT, value: {{ .Values.trustedProxyCount | quote }}}
- {name: DATABASE_POOL_SIZE, value: {{ .Values.web.databasePoolSize | quote }}}
- {name: SECRET_KEY_FILE, value: /run/secrets/gatehouse/secret_key}
- {name: DATABASE_URL_FILE, value: /run/secrets/gatehouse/database_url}
- {name: CACHE_URL_FILE, value: /run/secrets/gatehouse/cache_url}
- {name: CELERY_BROKER_URL_FILE, value: /run/secrets/gatehouse/broker_url}
- {name: EMAIL_URL_FILE, value: /run/secrets/gatehouse/email_url}
{{- with .Values.former }}
{{- with .issuers }}
- {name: FORMER_ISSUERS, value: {{ join "," . | quote }}}
{{- end }}
{{- with .gatewayUrls }}
- {name: FORMER_GATEWAY_URLS, value: {{ join "," . | quote }}}
{{- end }}
{{- with .hostedUrls }}
- {name: FORMER_HOSTED_URLS, value: {{ join "," . | quote }}}
{{- end }}
{{- with .compatUrls }}
- {name: FORMER_COMPAT_URLS, value: {{ join "," . | quote }}}
{{- end }}
{{- end }}
{{- range .Values.secretVariables }}
- {name: {{ . }}_FILE, value: /run/secrets/gatehouse/{{ lower . }}}
{{- end }}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range .Values.extraEnv }}
- {{ toJson . }}
{{- end }}
{{- end }}

{{- define "gatehouse.container" -}}
image: {{ include "gatehouse.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  {{- include "gatehouse.env" . | nindent 2 }}
volumeMounts:
  - {name: secrets, mountPath: /run/secrets/gatehouse, readOnly: true}
  - {name: tmp, mountPath: /tmp}
  {{- range .Values.extraVolumeMounts }}
  - {{ toJson . }}
  {{- end }}
{{- end }}

{{- define "gatehouse.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:  {{ toJson . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:  {{ toJson . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:  {{ toJson . }}
{{- end }}
{{- with .Values.affinity }}
affinity:  {{ toJson . }}
{{- end }}
volumes:
  - name: secrets
    secret: {secretName: {{ required "set existingSecret" .Values.existingSecret | quote }}, defaultMode: 288}
  - name: tmp
    emptyDir: {medium: Memory, sizeLimit: 64Mi}
  {{- range .Values.extraVolumes }}
  - {{ toJson . }}
  {{- end }}
{{- end }}
