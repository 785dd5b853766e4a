"""What a deployment decides, all of it from the environment (docs/operations.md has the table).

What concerns people is in `accounts/settings.py`.

Every secret may come from a file: `NAME_FILE=/run/secrets/x` stands for `NAME`. What we decide is in `policy.py`.
"""

from email.utils import formataddr
from pathlib import Path
from urllib.parse import urlsplit

from celery.schedules import crontab

from accounts.settings import *  # noqa: F403  people, sign-in, sessions
from authserver import policy
from authserver.environment import Environment, Unusable

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

# The DEBUG variable allows what is for development only. Django's own DEBUG stays off even then: its error pages show
# settings and source, and bad input gets our error pages everywhere.
DEVELOPMENT = env.bool("DEBUG", default=False)
DEBUG = False
DEMO = env.bool("DEMO", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()

# --- Addresses. The issuer is an origin: no path, no trailing slash (RFC 8414 §2; clients compare it byte by byte).
ISSUER = env.str("ISSUER", default="http://127.0.0.1:8000")
GATEWAY_URL = env.str("GATEWAY_URL", default="http://127.0.0.1:8001/mcp")
HOSTED_URL = env.str("HOSTED_URL", default="http://{handle}.mcp.localhost:8001/mcp")
COMPAT_URL = env.str("COMPAT_URL", default="http://127.0.0.1:8001/mcp/{handle}/mcp")
# Names of before, which go on beside today's until they are taken out here (docs/operate/move.md).
FORMER_ISSUERS = env.list("FORMER_ISSUERS", default=[])
FORMER_GATEWAY_URLS = env.list("FORMER_GATEWAY_URLS", default=[])
FORMER_HOSTED_URLS = env.list("FORMER_HOSTED_URLS", default=[])
FORMER_COMPAT_URLS = env.list("FORMER_COMPAT_URLS", default=[])
OTHER_RESOURCE_URL = env.str("OTHER_RESOURCE_URL", default="http://127.0.0.1:8001/other/mcp")  # demo world only
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

_issuer = urlsplit(ISSUER)
HTTPS = _issuer.scheme == "https"
PRODUCTION = HTTPS and not DEVELOPMENT
# The issuers' hosts always: who turns round a move must not be locked out by a list that names the other one only.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
ALLOWED_HOSTS += [urlsplit(issuer).hostname or "" for issuer in (ISSUER, *FORMER_ISSUERS)]
if DEVELOPMENT:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "[::1]"]

SECRET_KEY = env.str("SECRET_KEY", default="insecure-development-key" if DEVELOPMENT else "")
if not SECRET_KEY:
    raise Unusable("Set SECRET_KEY (or SECRET_KEY_FILE): 50 or more random characters.")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

INSTALLED_APPS = [
    "accounts",
    "handles",
    "authserver",
    "authserver.apps.AdminConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "oauth2_provider",
    "rest_framework",
    "drf_spectacular",
    "csp",
]

MIDDLEWARE = [
    "authserver.middleware.RequestIdMiddleware",
    "authserver.middleware.FiguresMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "authserver.middleware.ProbeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "authserver.middleware.LanguageMiddleware",
    "authserver.middleware.ActsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "authserver.urls"
WSGI_APPLICATION = "authserver.wsgi.application"
APPEND_SLASH = False  # paths are contracts; a redirect would lose a POST

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "authserver.views.context.site",
            ],
        },
    }
]

# --- Database. Without one configured: SQLite in WAL with immediate transactions; the defaults lose half the writes
# under concurrency (docs/decisions.md).
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'gatehouse.sqlite3'}")}
_database = DATABASES["default"]
if "ENGINE" not in _database:  # of a URL without a scheme that it knows, the library makes nothing
    raise Unusable("DATABASE_URL cannot be used. docs/operations.md says what it takes.")
# Where the door's own few connections go, if DATABASE_URL leads to a pooler: they prepare statements and have settings.
_door_database = env.str("DOOR_DATABASE_URL", default="")
DOOR_DATABASE = env.db_url_config(_door_database) if _door_database else {}
if _database["ENGINE"].endswith("sqlite3"):
    _database["CONN_MAX_AGE"] = None
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA mmap_size=134217728;"
        "PRAGMA journal_size_limit=27103364;PRAGMA cache_size=2000;",
    }
else:
    _pool_size = env.int("DATABASE_POOL_SIZE", default=8)
    _database["CONN_HEALTH_CHECKS"] = True
    _database["DISABLE_SERVER_SIDE_CURSORS"] = True  # a pooler may give each transaction another connection
    # After a restart of the database a page may find several broken connections in a row, and the pool pauses
    # after each: 0, 1, 2 … seconds. And a database that was away for long is looked for as often as one that just went.
    _pool = {"min_size": 2, "max_size": _pool_size, "timeout": 5, "reconnect_timeout": 5}
    # A database machine that lost its power says nothing, and a page would wait for it for a quarter of an hour, in one
    # of few places of the pool: give it up after seconds, by itself where it owes an answer, or is idle.
    _silence = {"keepalives_idle": 5, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 5000}
    # What the URL says, such as sslmode, goes before.
    _database["OPTIONS"] = {"connect_timeout": 3, **_silence, **_database.get("OPTIONS", {}), "pool": _pool}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache (rate limits, sessions of nothing else) and tasks.
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://gatehouse")}
if CACHES["default"]["BACKEND"].endswith("RedisCache"):
    CACHES["default"]["BACKEND"] = "authserver.services.operations.shared_cache.SharedCache"
elif CACHES["default"]["BACKEND"].endswith("LocMemCache"):
    CACHES["default"].setdefault("OPTIONS", {})["MAX_ENTRIES"] = policy.CACHE_ENTRIES_MAX
CELERY_TASK_ALWAYS_EAGER = not env.str("CELERY_BROKER_URL", default="")  # without a broker, at once
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or "memory://localhost"
CELERY_IMPORTS = ("authserver.chores.workers",)
# A broker that is away or keeps silent must not hold the request up that asks for a task.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 1.0, "socket_timeout": 2.0}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "purge expired credentials": {
        "task": "authserver.tasks.purge_expired",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "end what nobody holds": {"task": "authserver.tasks.end_unused", "schedule": crontab(hour=4, minute=17)},
    "forget listed sessions": {
        "task": "authserver.tasks.forget_listed_sessions",
        "schedule": crontab(hour=4, minute=27),
    },
    "check endpoints": {
        "task": "authserver.tasks.check_endpoints",
        "schedule": crontab(hour="0-4", minute="*/5"),
        "options": {"expires": 300},
    },
    "send mail that is owed": {"task": "authserver.tasks.send_notices", "schedule": 30.0},
    "tell of new tools": {
        "task": "authserver.tasks.tell_of_new_tools",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "push security events that wait": {"task": "authserver.tasks.push_security_events", "schedule": 10.0},
    "turn signing keys": {"task": "authserver.tasks.turn_signing_keys", "schedule": 600.0},
    "seal anew after a change of the key": {
        "task": "authserver.tasks.reseal",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "add up reported tool calls": {"task": "authserver.tasks.roll_up_usage", "schedule": 60.0},
    "refresh client documents": {"task": "authserver.tasks.refresh_stale_documents", "schedule": 600.0},
    "look after rehearsals": {
        "task": "authserver.tasks.look_after_rehearsals",
        "schedule": policy.REHEARSAL_LOOK.total_seconds(),
        "options": {"expires": policy.REHEARSAL_LOOK.total_seconds()},
    },
    "link events": {"task": "authserver.tasks.link_events", "schedule": 5.0, "options": {"expires": 5}},
    "seal months": {"task": "authserver.tasks.seal_ledger", "schedule": crontab(hour=2, minute=17)},
    "look for refusals that grow": {
        "task": "authserver.tasks.watch_refusals",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "tell of alarms": {"task": "authserver.tasks.tell_alarms", "schedule": 30.0, "options": {"expires": 30}},
    "verify the ledger": {"task": "authserver.tasks.verify_ledger", "schedule": crontab(hour=3, minute=17)},
}

# --- The ledger. None: every event is kept for ever.
LEDGER_RETENTION_MONTHS: int | None = env.int("LEDGER_RETENTION_MONTHS", default=None)

# --- Who may register clients: open (anybody), token (holders of an initial access token), closed (administrators).
REGISTRATION = env.str("REGISTRATION", default="open")
REGISTRATIONS_PER_MINUTE = env.int("REGISTRATIONS_PER_MINUTE", default=policy.REGISTRATIONS_PER_MINUTE)
GUESSES_PER_MINUTE = env.int("GUESSES_PER_MINUTE", default=policy.GUESSES_PER_MINUTE)
ACTS_PER_MINUTE = env.int("ACTS_PER_MINUTE", default=policy.ACTS_PER_MINUTE)
# Who may create handles: anyone who is signed in, or administrators only.
HANDLE_CREATION = env.str("HANDLE_CREATION", default="anyone")
# Callback hosts whose unknown client ids are taken in as they come, after a move from another server; none by default.
ADOPT_UNKNOWN_CLIENTS_FROM = env.list("ADOPT_UNKNOWN_CLIENTS_FROM", default=[])

# --- Mail.
BRAND_NAME = env.str("BRAND_NAME", default=policy.PRODUCT_NAME)
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_FILE_PATH = urlsplit(env.str("EMAIL_URL", default="")).path  # django-environ would make it a relative one
EMAIL_TIMEOUT = policy.MAIL_TIMEOUT_SECONDS
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=formataddr((BRAND_NAME, f"no-reply@{_issuer.hostname}")))

# --- Whom alarms are told to (docs/operations.md, "Alarms"). Empty: nobody beyond the administration's first page.
ALARM_EMAILS = [email.strip() for email in env.list("ALARM_EMAILS", default=[])]
ALARM_WEBHOOK_URL = env.str("ALARM_WEBHOOK_URL", default="")
ALARM_WEBHOOK_SECRET = env.str("ALARM_WEBHOOK_SECRET", default="")

# --- What it looks like, and where people get help. An empty one is not shown (docs/operations.md, "Brand").
BRAND_COLOR = env.str("BRAND_COLOR", default="")
BRAND_LOGO = env.str("BRAND_LOGO", default="")
SUPPORT_URL = env.str("SUPPORT_URL", default="")
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default="")
PRIVACY_URL = env.str("PRIVACY_URL", default="")
TERMS_URL = env.str("TERMS_URL", default="")

# --- Browser security; cookies are in accounts/settings.py.
CSRF_FAILURE_VIEW = "authserver.views.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [ISSUER, *FORMER_ISSUERS]
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"  # the flow's pages loosen it: clients open them in a popup
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "script-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 0  # no page takes a file

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEVELOPMENT

# --- Languages, each named in itself. What a deployment translates beyond ours goes first (docs/languages.md).
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("pt-br", "Português (Brasil)"),
    ("ja", "日本語"),
    ("zh-hans", "简体中文"),
    ("ar", "العربية"),
]
LOCALE_PATHS = [*env.list("LOCALE_PATHS", default=[]), BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["authserver.languages.formats"]
LANGUAGE_COOKIE_NAME = "__Host-language" if HTTPS else "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- OAuth. The models are ours; django-oauth-toolkit's views and its token storage are not used (docs/decisions.md).
ACCESS_TOKEN_LIFETIME_SECONDS = env.int(
    "ACCESS_TOKEN_LIFETIME_SECONDS", default=int(policy.ACCESS_TOKEN_LIFETIME.total_seconds())
)
INSECURE_CIMD_ALLOW_LOOPBACK = env.bool("INSECURE_CIMD_ALLOW_LOOPBACK", default=False)
OAUTH2_PROVIDER_APPLICATION_MODEL = "authserver.Client"
OAUTH2_PROVIDER_GRANT_MODEL = "authserver.AuthorizationCode"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "authserver.AccessToken"
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "authserver.RefreshToken"
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "authserver.IDToken"
OAUTH2_PROVIDER = {
    "OAUTH2_SERVER_CLASS": "authserver.toolkit.server.Server",
    "OAUTH2_VALIDATOR_CLASS": "authserver.toolkit.validator.Validator",
    "OAUTH2_BACKEND_CLASS": "authserver.toolkit.core.Core",
    "SCOPES_BACKEND_CLASS": "authserver.toolkit.scopes.CatalogScopes",
    "APPLICATION_ADMIN_CLASS": "authserver.admin.ClientAdmin",
    "GRANT_ADMIN_CLASS": "authserver.admin.HiddenAdmin",
    "ACCESS_TOKEN_ADMIN_CLASS": "authserver.admin.HiddenAdmin",
    "REFRESH_TOKEN_ADMIN_CLASS": "authserver.admin.HiddenAdmin",
    "ID_TOKEN_ADMIN_CLASS": "authserver.admin.HiddenAdmin",
    "OIDC_ISS_ENDPOINT": ISSUER,
    "PKCE_REQUIRED": True,
    "ALLOW_LOCALHOST_LOOPBACK": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https", "http", *policy.PRIVATE_USE_SCHEMES],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "REFRESH_TOKEN_EXPIRE_SECONDS": int(policy.REFRESH_TOKEN_IDLE_LIFETIME.total_seconds()),
    "ACCESS_TOKEN_EXPIRE_SECONDS": ACCESS_TOKEN_LIFETIME_SECONDS,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}
# W008 wants no `http` redirect at all; native clients need it for loopback (RFC 8252 §7.3) and
# protocol/redirects.py refuses it for every other host.
SILENCED_SYSTEM_CHECKS = ["oauth2_provider.W008"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": TRUSTED_PROXY_COUNT,
    "DEFAULT_SCHEMA_CLASS": "authserver.api.openapi.Schema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatehouse control plane",
    "DESCRIPTION": "What the pages of a handle can do, for programs. docs/api.md introduces it.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": ISSUER}],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["authserver.api.openapi.finish"],
}

# Who may read /metrics: the bearer of this; where it is not set, programs on this machine.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# Where traces and errors are told; nowhere without these (docs/operations.md, "Traces", "Errors").
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
SENTRY_DSN = env.str("SENTRY_DSN", default="")

LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", ("text", "json"), default="text")  # json: an object per line
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "authserver.telemetry.logs.Line", "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "authserver.telemetry.logs.JsonLine"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # oauthlib logs whole requests, secrets included, at DEBUG: it never goes below WARNING here.
    # django.request repeats every 4xx, which the doors log with their reason.
    "loggers": {
        "oauthlib": {"level": "WARNING"},
        "oauth2_provider": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        "fido2": {"level": "WARNING"},  # the ids of people's passkeys
        # What strangers send amiss: any Host or Origin header, too large a form; with a stack trace. It is counted.
        "django.security": {"level": "CRITICAL"},
    },
}
