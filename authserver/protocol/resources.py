"""Resource indicators: one canonical form, and which endpoint an indicator names.

Obeys: RFC 8707 §2 (absolute URI, no fragment), RFC 3986 §6.2.2-3 (case, default port, empty path).
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from handles import slugs

PLACEHOLDER = "{handle}"
LENGTH_MAX = 500
DEFAULT_PORTS = {"http": 80, "https": 443}
# Printable ASCII that may stand in a URI (RFC 3986 §2); anything else was to be percent-encoded.
URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
HOST = re.compile(r"[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True)
class Pattern:
    """The address of one registered endpoint, `{handle}` standing for any handle. `id` is the row's."""

    id: str
    kind: str
    address: str
    handle: str | None = None
    scopes: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """What an indicator named: its canonical URI, the endpoint's row, and the handle it fixes, if any."""

    uri: str
    kind: str
    pattern_id: str
    handle: str | None
    scopes: frozenset[str] = frozenset()

    def is_same_endpoint(self, other: "Target | None") -> bool:
        """Tell whether both name one endpoint and one handle there: it may have several addresses."""
        return other is not None and (self.pattern_id, self.handle) == (other.pattern_id, other.handle)


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018  (raises on a port that is no number)
    except ValueError:
        return None
    return parts


def canonical(uri: str) -> str | None:
    """Return the canonical form of an absolute http(s) URI, or None where it is none.

    Scheme and host in lower case, no default port, `/` alone dropped. The path is never touched: `/mcp` and `/mcp/`
    are two resources. Userinfo, fragment, query and dot segments are refused.
    """
    if len(uri) > LENGTH_MAX or not URI_CHARACTERS.fullmatch(uri) or "#" in uri or "?" in uri:
        return None
    parts = _split(uri)
    if parts is None or parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    if any(segment in (".", "..") for segment in parts.path.split("/")):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if not HOST.fullmatch(host):
        return None
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme.lower()]) else f":{parts.port}"
    path = "" if parts.path == "/" else parts.path
    return f"{parts.scheme.lower()}://{host.lower()}{port}{path}"


def origin(uri: str) -> str | None:
    """Return scheme, host and port of an absolute http(s) URI in canonical form, or None where it is none."""
    found = canonical(uri)
    return "/".join(found.split("/", 3)[:3]) if found else None


def parse_pattern(address: str) -> str | None:
    """Return the address of a pattern if it is canonical and names the placeholder at most once, otherwise None."""
    if address.count(PLACEHOLDER) > 1:
        return None
    sample = address.replace(PLACEHOLDER, "sample")
    return address if canonical(sample) == sample else None


def fill(address: str, handle: str | None) -> str:
    """Return the address with the handle in place of `{handle}`."""
    return address.replace(PLACEHOLDER, handle) if handle else address


def _handle_in(uri: str, address: str) -> str | None:
    """Return the slug that stands in `uri` where `address` has its placeholder, or None where they differ."""
    before, after = address.split(PLACEHOLDER)
    if not uri.startswith(before) or not uri.endswith(after) or len(uri) <= len(before) + len(after):
        return None
    candidate = uri[len(before) : len(uri) - len(after)]
    return candidate if slugs.parse(candidate) == candidate else None


def match(uri: str, patterns: list[Pattern]) -> Target | None:
    """Return the endpoint that this indicator names, or None: then the answer is `invalid_target`.

    A fixed address wins over a pattern, so that a reserved word in a path is never read as a handle.
    """
    wanted = canonical(uri)
    if wanted is None:
        return None
    spellings = [(pattern, address) for pattern in patterns for address in (pattern.address, *pattern.aliases)]
    for pattern, address in sorted(spellings, key=lambda each: PLACEHOLDER in each[1]):
        if PLACEHOLDER not in address:
            if wanted == canonical(address):
                return _target(pattern, pattern.handle)
        elif handle := _handle_in(wanted, address):
            return _target(pattern, handle)
    return None


def _target(pattern: Pattern, handle: str | None) -> Target:
    uri = fill(pattern.address, handle)
    return Target(
        uri=canonical(uri) or uri, kind=pattern.kind, pattern_id=pattern.id, handle=handle, scopes=pattern.scopes
    )
