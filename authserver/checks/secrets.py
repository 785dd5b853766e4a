"""Secrets that a deployment was given: none that can be guessed, none that everybody knows.

No message repeats one.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import checks

from authserver.checks.messages import error, warning

KEY_LENGTH_MIN = 50
KEY_CHARACTERS_MIN = 12  # different ones: 50 random characters of 16 have nearly all of them
SHARED_LENGTH_MIN = 24
SHARED_CHARACTERS_MIN = 8
PERIOD_MAX = 16
KNOWN = ("insecure", "django-insecure", "change", "example", "secret", "password", "only-to-collect", "your-", "test")
PASSWORDS = ("postgres", "gatehouse", "password", "secret", "admin", "changeme", "change-me")
ON_THIS_MACHINE = ("", "127.0.0.1", "localhost", "::1")
OTHER_PROOFS = ("sslcert", "passfile", "service", "krbsrvname")  # what PostgreSQL takes instead of a password


def is_weak(secret: str, *, length: int, characters: int) -> bool:
    """Tell whether somebody could guess a secret: too short, of few characters, the same again and again, or the
    beginning of what documentation writes in such a place."""
    repeats = (secret + secret).find(secret, 1) <= PERIOD_MAX
    return (
        len(secret) < length
        or len(set(secret)) < characters
        or (repeats and len(secret) > PERIOD_MAX)
        or secret.lower().startswith(KNOWN)
    )


def _is_weak_key(key: str) -> bool:
    return is_weak(key, length=KEY_LENGTH_MIN, characters=KEY_CHARACTERS_MIN)


@checks.register(checks.Tags.security)
def secret_key_is_strong(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if not settings.PRODUCTION:
        return []
    problems: list[checks.CheckMessage] = []
    generate = "`manage.py keys rotate secret-key` makes a good one."
    if _is_weak_key(settings.SECRET_KEY):
        problems.append(error("SECRET_KEY is weak.", f"Use 50 or more random characters; {generate}", 7))
    if settings.SECRET_KEY in settings.SECRET_KEY_FALLBACKS:
        hint = f"A new key takes the place of a former one; {generate}"
        problems.append(error("SECRET_KEY is among its own fallbacks.", hint, 70))
    if any(map(_is_weak_key, settings.SECRET_KEY_FALLBACKS)):
        # No error: that it was weak is the best reason to change it, and people are not to lose their factors by that.
        hint = "What it signed is still believed: run `manage.py keys reseal`, then drop it."
        problems.append(warning("One of SECRET_KEY_FALLBACKS is weak.", hint, 71))
    return problems


@checks.register(checks.Tags.security)
def shared_secrets_are_strong(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """METRICS_TOKEN lets in, ALARM_WEBHOOK_SECRET signs: both are only as good as they are long."""
    problems: list[checks.CheckMessage] = []
    hint = f"Use {SHARED_LENGTH_MIN} or more random characters: `openssl rand -hex 24`."
    if _is_weak_where_set(settings.METRICS_TOKEN):
        problems.append(error("METRICS_TOKEN is weak.", hint, 72))
    if _is_weak_where_set(settings.ALARM_WEBHOOK_SECRET):
        problems.append(error("ALARM_WEBHOOK_SECRET is weak.", hint, 73))
    return problems if settings.PRODUCTION else []


def _is_weak_where_set(secret: str) -> bool:
    return bool(secret) and is_weak(secret, length=SHARED_LENGTH_MIN, characters=SHARED_CHARACTERS_MIN)


@checks.register(checks.Tags.security)
def database_password_is_one(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """A warning only: there are other ways to prove who asks than a password."""
    fault = fault_of_password(settings.DATABASES["default"]) if settings.PRODUCTION else ""
    if not fault:
        return []
    hint = "Give its user a random password in DATABASE_URL, or a certificate."
    return [warning(f"The password of the database on another machine {fault}.", hint, 74)]


def fault_of_password(database: Mapping[str, Any]) -> str:
    """Return what is wrong with the password of a database that is reached over a network, or nothing."""
    host, user, password = (str(database.get(name) or "") for name in ("HOST", "USER", "PASSWORD"))
    is_here = host in ON_THIS_MACHINE or host.startswith("/")
    if is_here or any(name in database.get("OPTIONS", {}) for name in OTHER_PROOFS):
        return ""
    if not password:
        return "is empty"
    return "is a well-known one" if password.lower() in (*PASSWORDS, user.lower()) else ""
