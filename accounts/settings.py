"""What a deployment decides about people and how they sign in; `authserver/settings.py` takes all of it over."""

from typing import Any
from urllib.parse import urlsplit

from authserver import policy
from authserver.environment import Environment, Unusable

env = Environment()

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/connections"
LOGOUT_REDIRECT_URL = "/"
FLOW_READER = "authserver.views.authorize.flow_in"  # what the sign-in page asks about `next`

# --- Who may have an account. open: anybody; invited: whom INVITATION_READER says so of; closed: nobody new.
SIGN_UP = env.str("SIGN_UP", default="open")
INVITATION_READER = "authserver.views.handles.people.accepting.is_invited"

# --- Sign-in, sign-up, codes by mail.
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_FORMS = {"login": "accounts.forms.LoginForm", "add_email": "accounts.forms.AddEmailForm"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_TIMEOUT = int(policy.SIGN_IN_STEPS_LIFETIME.total_seconds())
ACCOUNT_REAUTHENTICATION_TIMEOUT = int(policy.RECENT_SIGN_IN.total_seconds())
for _code in ("EMAIL_VERIFICATION", "PASSWORD_RESET", "LOGIN"):
    vars()[f"ACCOUNT_{_code}_BY_CODE_TIMEOUT"] = int(policy.CODE_BY_MAIL_LIFETIME.total_seconds())
    vars()[f"ACCOUNT_{_code}_BY_CODE_MAX_ATTEMPTS"] = policy.CODE_BY_MAIL_ATTEMPTS_MAX

# --- Against guessing. The key is the e-mail address: a code has three tries, and an address gets ten codes an hour,
# so that thirty guesses an hour is all that many browsers together have.
SIGN_INS_PER_MINUTE = env.int("SIGN_INS_PER_MINUTE", default=policy.SIGN_INS_PER_MINUTE)
ACCOUNT_RATE_LIMITS = {
    "login": f"{SIGN_INS_PER_MINUTE}/m/ip",
    "login_failed": f"{SIGN_INS_PER_MINUTE}/m/ip,5/300s/key",
    "signup": f"{SIGN_INS_PER_MINUTE}/m/ip",
    "request_login_code": f"{SIGN_INS_PER_MINUTE}/m/ip,3/m/key,{policy.CODES_PER_ADDRESS_AND_HOUR}/h/key",
    "reset_password": f"{SIGN_INS_PER_MINUTE}/m/ip,3/m/key,{policy.CODES_PER_ADDRESS_AND_HOUR}/h/key",
}
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

# --- Passkeys and second factors.
MFA_ADAPTER = "accounts.factors.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
MFA_RATE_LIMITS = {"webauthn_login": f"{SIGN_INS_PER_MINUTE}/m/ip"}
# Administrators sign in with a second factor, and again after a while. Only the demo world goes without.
ADMIN_SECOND_FACTOR = env.bool("ADMIN_SECOND_FACTOR", default=not env.bool("DEMO", default=False))

# --- Signing in elsewhere: OpenID Connect providers, named by SIGN_IN_WITH, each with variables of its own.
_KNOWN_ISSUERS = {"google": "https://accounts.google.com"}
_KNOWN_NAMES = {
    "google": "Google",
    "microsoft": "Microsoft",
    "okta": "Okta",
    "gitlab": "GitLab",
    "keycloak": "Keycloak",
}


def _provider(name: str) -> dict[str, Any]:
    """Return what django-allauth wants to know of the provider that SIGN_IN_WITH calls `name`."""
    prefix = f"OIDC_{name.upper().replace('-', '_')}"
    issuer = env.str(f"{prefix}_ISSUER", default=_KNOWN_ISSUERS.get(name, ""))
    if not issuer or not name.replace("-", "").isalnum():
        raise Unusable(f"SIGN_IN_WITH names {name}: set {prefix}_ISSUER.")
    return {
        "provider_id": name,
        "name": env.str(f"{prefix}_NAME", default=_KNOWN_NAMES.get(name, name.replace("-", " ").title())),
        "client_id": env.str(f"{prefix}_CLIENT_ID"),
        "secret": env.str(f"{prefix}_CLIENT_SECRET"),
        "settings": {
            "server_url": issuer.rstrip("/"),
            "oauth_pkce_enabled": True,
            # Whether an account that is here already is joined under an address that the provider says it verified.
            "email_authentication": env.bool(f"{prefix}_TRUSTED", default=False),
        },
    }


SIGN_IN_WITH = env.list("SIGN_IN_WITH", default=[])
SOCIALACCOUNT_ADAPTER = "accounts.upstream.UpstreamAdapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [_provider(name.strip().lower()) for name in SIGN_IN_WITH]}}
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = policy.UPSTREAM_TIMEOUT_SECONDS

# --- Sessions. A session cookie must be Lax: Strict would drop it on the cross-site arrival at authorize.
_HTTPS = urlsplit(env.str("ISSUER", default="http://127.0.0.1:8000")).scheme == "https"
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_NAME = "__Host-session" if _HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
USERSESSIONS_TRACK_ACTIVITY = False  # it would write a row at every request
