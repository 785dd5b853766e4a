"""Secrets that a deployment was given: none that can be guessed, none that everybody knows.

No message repeats one.
"""

from typing import Any

from django.conf import settings
from django.core import checks

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
        problems.append(_error("SECRET_KEY is weak.", f"Use 50 or more random characters; {generate}", 7))
    if settings.SECRET_KEY in settings.SECRET_KEY_FALLBACKS:
        hint = f"A new key takes the place of a former one; {generate}"
        problems.append(_error("SECRET_KEY is among its own fallbacks.", hint, 70))
    if any(map(_is_weak_key, settings.SECRET_KEY_FALLBACKS)):
        # No error: that it was weak is the best reason to change it, and people are not to lose their factors by that.
        hint = "What it signed is still believed: run `manage.py keys reseal`, then drop it."
        problems.append(_warning("One of SECRET_KEY_FALLBACKS is weak.", hint, 71))
    return problems


@checks.register(checks.Tags.security)
def shared_secrets_are_strong(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """METRICS_TOKEN lets in, ALARM_WEBHOOK_SECRET signs: both are only as good as they are long."""
    if not settings.PRODUCTION:
        return []
    numbers = {"METRICS_TOKEN": 72, "ALARM_WEBHOOK_SECRET": 73}
    return [
        _error(
            f"{name} is weak.", f"Use {SHARED_LENGTH_MIN} or more random characters: `openssl rand -hex 24`.", number
        )
        for name, number in numbers.items()
        if (secret := getattr(settings, name))
        and is_weak(secret, length=SHARED_LENGTH_MIN, characters=SHARED_CHARACTERS_MIN)
    ]


@checks.register(checks.Tags.security)
def database_password_is_one(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """A warning only: there are other ways to prove who asks than a password."""
    database = settings.DATABASES["default"]
    host, password = str(database.get("HOST") or ""), str(database.get("PASSWORD") or "")
    is_here = host in ON_THIS_MACHINE or host.startswith("/")
    if not settings.PRODUCTION or is_here or any(name in database.get("OPTIONS", {}) for name in OTHER_PROOFS):
        return []
    if password and password.lower() not in (*PASSWORDS, str(database.get("USER", "")).lower()):
        return []
    hint = "Give its user a random password in DATABASE_URL, or a certificate."
    said = "is a well-known one" if password else "is empty"
    return [_warning(f"The password of the database on another machine {said}.", hint, 74)]


def _error(text: str, hint: str, number: int) -> checks.Error:
    return checks.Error(text, hint=hint, id=f"gatehouse.E{number:03}")


def _warning(text: str, hint: str, number: int) -> checks.Warning:
    return checks.Warning(text, hint=hint, id=f"gatehouse.W{number:03}")
