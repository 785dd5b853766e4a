"""Misconfiguration stops the start: `gatehouse.E…` are errors, with what to change."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from authserver import policy
from authserver.protocol import resources

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _error(text: str, hint: str, number: int) -> checks.Error:
    return checks.Error(text, hint=hint, id=f"gatehouse.E{number:03}")


@checks.register(checks.Tags.security)
def issuer_is_an_origin(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """RFC 8414 §2: https, no query, no fragment; and here no path, because clients compare it byte by byte."""
    parts = urlsplit(settings.ISSUER)
    problems: list[checks.CheckMessage] = []
    if f"{parts.scheme}://{parts.netloc}" != settings.ISSUER or resources.canonical(settings.ISSUER) != settings.ISSUER:
        problems.append(_error("ISSUER is not a bare origin.", "Write it like https://ai.example.com.", 1))
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        problems.append(_error("ISSUER is not https.", "Only 127.0.0.1 and localhost may go without.", 2))
    return problems


@checks.register(checks.Tags.security)
def endpoints_are_canonical(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    needs = {"GATEWAY_URL": 0, "HOSTED_URL": 1, "COMPAT_URL": 1}
    return [
        _error(
            f"{name} is not a canonical address{' with {handle} in it' if count else ''}.",
            "No trailing slash, no default port, lower-case host, no query.",
            3,
        )
        for name, count in needs.items()
        if resources.parse_pattern(getattr(settings, name)) is None
        or getattr(settings, name).count(resources.PLACEHOLDER) != count
    ]


@checks.register(checks.Tags.security)
def registration_is_known(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.REGISTRATION in ("open", "token", "closed"):
        return []
    return [_error("REGISTRATION has an unknown value.", "Set it to open, token or closed.", 9)]


@checks.register(checks.Tags.security)
def handle_creation_is_known(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.HANDLE_CREATION in ("anyone", "administrators"):
        return []
    return [_error("HANDLE_CREATION has an unknown value.", "Set it to anyone or administrators.", 20)]


@checks.register(checks.Tags.security)
def development_switches_stay_in_development(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    if settings.PRODUCTION:
        if settings.DEMO:
            problems.append(_error("DEMO is on.", "The demo world has known people: unset DEMO.", 4))
        if settings.INSECURE_CIMD_ALLOW_LOOPBACK:
            problems.append(_error("INSECURE_CIMD_ALLOW_LOOPBACK is on.", "Unset it.", 5))
        if settings.ACCESS_TOKEN_LIFETIME_SECONDS < 60:
            problems.append(_error("Access tokens live under a minute.", "Clients would refresh on every call.", 6))
        if settings.SECRET_KEY.startswith("insecure") or len(settings.SECRET_KEY) < 50:
            problems.append(_error("SECRET_KEY is weak.", "Use 50 or more random characters.", 7))
    if settings.ACCESS_TOKEN_LIFETIME_SECONDS < policy.ACCESS_TOKEN_LIFETIME_MIN_SECONDS:
        problems.append(_error("ACCESS_TOKEN_LIFETIME_SECONDS is under 5.", "Set it to 5 or more.", 8))
    return problems
