"""The settings of a deployment: each that cannot work, or that only development may have."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email

from authserver import policy
from authserver.protocol import names, resources
from authserver.views.brand import colors, files

Validator = Callable[[str], None]
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
    told = [(name, [getattr(settings, name)], count) for name, count in needs.items()]
    told += [(f"FORMER_{name}S", getattr(settings, f"FORMER_{name}S"), count) for name, count in needs.items()]
    return [
        _error(
            f"{name} is not a canonical address{' with {handle} in it' if count else ''}.",
            "No trailing slash, no default port, lower-case host, no query.",
            3,
        )
        for name, addresses, count in told
        for address in addresses
        if resources.parse_pattern(address) is None or address.count(resources.PLACEHOLDER) != count
    ]


@checks.register(checks.Tags.security)
def former_issuers_can_be_asked(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Cookies and redirects to https are decided once for all hosts: one scheme. Two issuers differ by their host."""
    scheme = urlsplit(settings.ISSUER).scheme
    named = [settings.ISSUER, *settings.FORMER_ISSUERS]
    wrong = [
        issuer
        for issuer in settings.FORMER_ISSUERS
        if resources.origin(issuer) != issuer or urlsplit(issuer).scheme != scheme or named.count(issuer) > 1
    ]
    text = "FORMER_ISSUERS has something that is no other origin."
    hint = "Write each like https://ai.example.com: the scheme of ISSUER, no path, each one once."
    return [_error(text, hint, 10)] if wrong else []


@checks.register(checks.Tags.security)
def registration_is_known(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.REGISTRATION in ("open", "token", "closed"):
        return []
    return [_error("REGISTRATION has an unknown value.", "Set it to open, token or closed.", 9)]


@checks.register(checks.Tags.security)
def sign_in_is_sound(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    if settings.SIGN_UP not in ("open", "invited", "closed"):
        problems.append(_error("SIGN_UP has an unknown value.", "Set it to open, invited or closed.", 20))
    for app in settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]:
        issuer = urlsplit(app["settings"]["server_url"])
        if issuer.scheme != "https" and (settings.PRODUCTION or issuer.hostname not in LOOPBACK):
            problems.append(_error(f"The issuer of {app['provider_id']} is not https.", "Use its https address.", 21))
    if settings.PRODUCTION and not settings.ADMIN_SECOND_FACTOR:
        text = "ADMIN_SECOND_FACTOR is off: a password is all that stands before the administration."
        problems.append(checks.Warning(text, hint="Unset it.", id="gatehouse.W001"))
    return problems


@checks.register(checks.Tags.security)
def brand_can_be_shown(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    problems: list[checks.CheckMessage] = []
    name = settings.BRAND_NAME
    if not name or names.clean(name) != name or len(name) > policy.BRAND_NAME_LENGTH:
        problems.append(_error("BRAND_NAME is empty, too long or unclean.", "1 to 40 ordinary characters.", 40))
    if settings.BRAND_LOGO and files.logo(settings.BRAND_LOGO) is None:
        problems.append(_error("BRAND_LOGO cannot be shown.", "The path of an SVG or PNG file, 32 KiB at most.", 41))
    if settings.BRAND_COLOR and colors.parse(settings.BRAND_COLOR) is None:
        problems.append(_error("BRAND_COLOR is not a colour.", "Write it like #23408e.", 42))
    return problems + _color_problems()


def _color_problems() -> list[checks.CheckMessage]:
    """Tell where pages cannot use the colour as it is: text in it would be too faint to read."""
    color = colors.parse(settings.BRAND_COLOR)
    if color is None:
        return []
    used = {"light": colors.on_light(color), "dark": colors.on_dark(color)}
    if color in used.values():
        return []
    shown = ", ".join(f"{colors.written(each)} on {scheme} pages" for scheme, each in used.items())
    hint = f"They use {shown}. Choose a darker colour to see it unchanged on light pages."
    return [checks.Warning("BRAND_COLOR is too faint for text.", hint=hint, id="gatehouse.W040")]


@checks.register(checks.Tags.security)
def links_of_the_brand_lead_somewhere(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    is_https: Validator = URLValidator(schemes=["https"])
    rules: dict[str, Validator] = dict.fromkeys(("SUPPORT_URL", "PRIVACY_URL", "TERMS_URL"), is_https)
    rules["SUPPORT_EMAIL"] = validate_email  # type: ignore[assignment]
    wrong = [name for name, rule in rules.items() if not _passes(rule, getattr(settings, name))]
    return [_error(f"{name} leads nowhere.", "An https address; for SUPPORT_EMAIL a mailbox.", 43) for name in wrong]


def _passes(rule: Validator, value: str) -> bool:
    """Tell whether a validator of Django's takes a value; none given is fine."""
    try:
        if value:
            rule(value)
    except ValidationError:
        return False
    return True


@checks.register(checks.Tags.security)
def alarms_reach_somebody(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """What is wrong here is nobody else's business: https, outside of development."""
    schemes = ["https", "http"] if settings.DEVELOPMENT else ["https"]
    problems: list[checks.CheckMessage] = []
    url = urlsplit(settings.ALARM_WEBHOOK_URL)
    if settings.ALARM_WEBHOOK_URL and (url.scheme not in schemes or not url.hostname or url.username):
        problems.append(_error("ALARM_WEBHOOK_URL cannot be used.", "An https address without a user name.", 50))
    if not all(_passes(validate_email, email) for email in settings.ALARM_EMAILS):
        problems.append(_error("ALARM_EMAILS has something that is no mailbox.", "Addresses, with commas.", 51))
    return problems


@checks.register(checks.Tags.security)
def handle_creation_is_known(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    if settings.HANDLE_CREATION in ("anyone", "administrators"):
        return []
    return [_error("HANDLE_CREATION has an unknown value.", "Set it to anyone or administrators.", 30)]


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
    if settings.ACCESS_TOKEN_LIFETIME_SECONDS < policy.ACCESS_TOKEN_LIFETIME_MIN_SECONDS:
        problems.append(_error("ACCESS_TOKEN_LIFETIME_SECONDS is under 5.", "Set it to 5 or more.", 8))
    return problems
