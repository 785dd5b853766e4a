"""Render the chart with the values of each set-up below and hold every manifest against Kubernetes' own schema.

`python deploy/lint/chart.py`; needs PyYAML, kubernetes-validate, Go and sprig (`deploy/lint/run` has the others too).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE.parent / "helm"
KUBERNETES = ("1.28", "1.34")
OPERATOR = "monitoring.coreos.com/v1"  # of Prometheus; its kinds are not Kubernetes' own, and have no schema there
ALERTS = HERE.parent / "observability" / "alerts.yml"
NEEDED: dict[str, Any] = {
    "issuer": "https://ai.example.com",
    "gatewayUrl": "https://ai.example.com/mcp",
    "hostedUrl": "https://{handle}.mcp.example.com/mcp",
    "compatUrl": "https://ai.example.com/mcp/{handle}/mcp",
    "fromEmail": "Gatehouse <no-reply@example.com>",
    "existingSecret": "gatehouse",
}
STORES = [{"to": [{"ipBlock": {"cidr": "10.20.0.5/32"}}], "ports": [{"port": 5432}]}]
SETUPS: dict[str, dict[str, Any]] = {
    "what is needed": {},
    "everything": {
        "env": {"BRAND_NAME": "Example: AI", "SIGN_UP": "invited"},
        "extraEnv": [{"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "other", "key": "other"}}}],
        "extraVolumes": [{"name": "brand", "configMap": {"name": "brand"}}],
        "extraVolumeMounts": [{"name": "brand", "mountPath": "/app/brand", "readOnly": True}],
        "secretVariables": ["SECRET_KEY_FALLBACKS", "METRICS_TOKEN"],
        "former": {
            "issuers": ["https://old.example.com"],
            "gatewayUrls": ["https://old.example.com/mcp"],
            "hostedUrls": ["https://{handle}.mcp.old.example.com/mcp"],
            "compatUrls": ["https://old.example.com/mcp/{handle}/mcp"],
        },
        "prometheus": {"serviceMonitor": True, "rules": True, "labels": {"release": "prometheus"}},
        "image": {"pullSecrets": [{"name": "registry"}]},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"a/b": "c"},
            "tlsSecret": "tls",
            "formerTlsSecret": "former-tls",
            "mcp": {"service": "mcp"},
        },
        "networkPolicy": {
            "stores": STORES,
            "mail": STORES,
            "others": STORES,
            "ingressFrom": [{"namespaceSelector": {}}],
        },
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "nodeSelector": {"disk": "fast"},
    },
    "without what may be off": {"web": {"autoscaling": {"enabled": False}}, "networkPolicy": {"enabled": False}},
}


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a chart with those of a deployment laid over, as Helm does."""
    both = {name: merged(below[name], value) for name, value in above.items() if _is_map(value, below.get(name))}
    return below | above | both


def _is_map(value: Any, other: Any) -> bool:
    return isinstance(value, dict) and isinstance(other, dict)


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the manifests. Raises CalledProcessError where the chart refuses the values."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    context = {
        "Values": merged(yaml.safe_load((CHART / "values.yaml").read_text()), values),
        "Chart": {"AppVersion": chart["appVersion"], "Name": chart["name"]},
        "Release": {"Name": "gatehouse", "Service": "Helm"},
    }
    go = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}
    command = ["go", "run", str(HERE / "render.go"), str(CHART)]
    done = subprocess.run(command, input=json.dumps(context), env=go, capture_output=True, text=True, check=True)
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def main() -> int:
    """Return 0 where every manifest is one that Kubernetes takes, and values that cannot be right are refused."""
    for name, values in SETUPS.items():
        manifests = rendered(merged(NEEDED, values))
        for manifest in manifests:
            for version in KUBERNETES if manifest["apiVersion"] != OPERATOR else ():
                kubernetes_validate.validate(manifest, version, strict=True)
            if manifest["kind"] == "PrometheusRule":
                assert manifest["spec"] == yaml.safe_load(ALERTS.read_text())
        print(f"chart, {name}: {len(manifests)} manifests are sound")
    refused = {f"set {missing}": {name: NEEDED[name] for name in NEEDED if name != missing} for missing in NEEDED}
    refused["put METRICS_TOKEN into secretVariables"] = NEEDED | {"prometheus": {"serviceMonitor": True}}
    for reason, values in refused.items():
        try:
            rendered(values)
        except subprocess.CalledProcessError as error:
            assert reason in error.stderr, error.stderr
        else:
            print(f"the chart does not say: {reason}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
