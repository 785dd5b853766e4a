"""Redirect URIs: which may be registered, which match, where they lead.

Obeys: RFC 6749 §3.1.2, RFC 9700 §2.1 (exact match), RFC 8252 §7.1 and §7.3 (apps, loopback with any port).
Departs: RFC 8252 §7.3 speaks of loopback addresses; `localhost` is treated the same, because real clients rely on it.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlencode, urlsplit

from authserver import policy

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
# Printable ASCII without the characters that split a list, end an attribute or start a fragment.
URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.?|[0-9a-f:.]*:[0-9a-f:.]*"
)
LOOPBACK_PORT = re.compile(r"^(http://(?:127\.0\.0\.1|localhost|\[::1\])):\d*(?=[/?]|$)")
PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Destination:
    """Where an answer goes, taken apart for the consent page. `kind` is https, loopback or app."""

    kind: str
    uri: str
    host: str
    unicode_host: str
    port: int | None
    app_name: str
    form_action: str


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018  (raises on a port that is no number, such as `*`)
    except ValueError:
        return None
    return parts


def problem_with(uri: str) -> str | None:
    """Return why this redirect URI may not be registered, as a sentence, or None where it may.

    https anywhere, http on this computer only, and the schemes of known apps; nothing else.
    """
    if len(uri) > policy.REDIRECT_URI_LENGTH_MAX:
        return f"A redirect URI is longer than {policy.REDIRECT_URI_LENGTH_MAX} characters."
    if not URI_CHARACTERS.fullmatch(uri) or PERCENT.search(uri):
        return "A redirect URI has a fragment, a space or another character that may not stand in one."
    parts = _split(uri)
    if parts is None or not parts.scheme:
        return "A redirect URI is not an absolute URI."
    if "@" in parts.netloc:
        return "A redirect URI carries a user name."
    return _scheme_problem(parts)


def _scheme_problem(parts: SplitResult) -> str | None:
    if parts.scheme in policy.PRIVATE_USE_SCHEMES:
        return None if parts.netloc or parts.path else "A redirect URI names an app but no place in it."
    if not parts.hostname:
        return "A redirect URI names no host, or a scheme that is not accepted here."
    if not HOST.fullmatch(parts.hostname):  # it goes into `form-action`, where `*`, `,` and `;` have a meaning
        return "A redirect URI names a host that is none."
    if parts.scheme == "https":
        return None
    if parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS:
        return None
    return "A redirect URI must be https, or http on 127.0.0.1, [::1] or localhost, or the scheme of a known app."


def is_loopback(uri: str) -> bool:
    parts = _split(uri)
    return parts is not None and parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS


def is_registered(uri: str, registered: list[str]) -> bool:
    """Tell whether this redirect URI is one of the registered ones, character by character; the port of one on this
    computer is not compared (RFC 8252 §7.3)."""
    if uri in registered:
        return True
    return is_loopback(uri) and without_port(uri) in {without_port(each) for each in registered if is_loopback(each)}


def differs_at(uri: str, registered: list[str]) -> int:
    """Return the place, counted from 1, of the first character in which a redirect URI differs from the registered one
    that it is most like. The port of one on this computer counts for none, as in `is_registered`."""
    port = LOOPBACK_PORT.match(uri)
    return max((_first_difference(uri, _with_port_of(port, each)) for each in registered), default=1)


def _with_port_of(loopback: re.Match[str] | None, registered: str) -> str:
    own = LOOPBACK_PORT.match(registered)
    is_same = loopback and own and loopback.group(1) == own.group(1)
    return f"{loopback.group()}{registered[own.end() :]}" if loopback and own and is_same else registered


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False), 1)
    return next((place for place, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)) + 1)


def without_port(uri: str) -> str:
    """Return a loopback redirect URI without its port; any other URI as it is."""
    return LOOPBACK_PORT.sub(r"\1", uri, count=1)


def destination(uri: str) -> Destination:
    """Take a validated redirect URI apart for a person, and for `form-action`."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    if parts.scheme in policy.PRIVATE_USE_SCHEMES:
        name = policy.PRIVATE_USE_SCHEMES[parts.scheme]
        return Destination("app", uri, parts.scheme, "", None, name, origin(uri))
    kind = "loopback" if is_loopback(uri) else "https"
    return Destination(kind, uri, host, _unicode(host), parts.port, "", _form_action(parts))


def origin(uri: str) -> str:
    """Return the origin of a validated redirect URI, `scheme:` for the scheme of an app."""
    parts = urlsplit(uri)
    return f"{parts.scheme}:" if parts.scheme in policy.PRIVATE_USE_SCHEMES else f"{parts.scheme}://{parts.netloc}"


def _form_action(parts: SplitResult) -> str:
    """Return what `form-action` has to name, since browsers block the redirect after a form's POST to anywhere else.
    A policy cannot name an IPv6 address (browsers pass over it and block): there only scheme and port are held."""
    if ":" not in (parts.hostname or ""):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}://*:{parts.port}" if parts.port else f"{parts.scheme}://*"


def _unicode(host: str) -> str:
    """Return an international host name in its own letters, or nothing where it has none."""
    if "xn--" not in host:
        return ""
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return ""


def with_parameters(uri: str, parameters: dict[str, str]) -> str:
    """Return the redirect URI with the answer's parameters added to its query (RFC 6749 §4.1.2); its own are kept."""
    separator = "&" if "?" in uri else "?"
    return uri + separator + urlencode(parameters)
