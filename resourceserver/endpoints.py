"""The endpoint table: configured URLs on one side, the host and path of a request on the other.

Pure. A resource URL is always the configured one with the handle filled in; nothing of it is ever taken from
the request, so a forged Host or scheme cannot change what a client is told. Unknown hosts match nothing.

Obeys: RFC 9728 §3.1 (the well-known string goes between host and path), RFC 9110 §4.2.3 (host names have no case).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

HANDLE = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
WELL_KNOWN = "/.well-known/oauth-protected-resource"

Door = Literal["mcp", "sse", "messages", "metadata"]

_PLACEHOLDER = "{handle}"
_CONFIGURABLE = re.compile(r"https?://[a-z0-9.:\[\]{}-]+(?:/[A-Za-z0-9._~{}-]+)+\Z")
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True)
class EndpointPattern:
    """One configured endpoint. ``url`` may hold ``{handle}`` once, in its host or its path.

    ``resource_server`` is the id with which credentials of this endpoint are introspected;
    ``root_metadata`` also serves the metadata at the root form of the well-known path, which only one
    endpoint of a host may do.

    Several patterns of one name are one endpoint under several addresses, as during a move: a credential for one is
    good at all of them. ``issuer`` is named by the metadata of this address in place of the server's own.
    """

    name: str
    url: str
    resource_server: str = ""
    root_metadata: bool = False
    issuer: str = ""


@dataclass(frozen=True)
class Endpoint:
    """One endpoint as a request met it: the resource URL, its handle if the URL names one, its metadata URL."""

    name: str
    resource: str
    handle: str | None
    metadata_url: str
    resource_server: str
    issuer: str = ""
    other_addresses: tuple[str, ...] = ()

    def is_meant_by(self, audiences: Iterable[str]) -> bool:
        """Return whether a credential for these audiences is one for this endpoint, by whichever address."""
        return any(audience == self.resource or audience in self.other_addresses for audience in audiences)


@dataclass(frozen=True)
class Match:
    """Where a request arrived: the endpoint, which of its doors, and the path prefix above the door's last segment."""

    endpoint: Endpoint
    door: Door
    root_path: str


@dataclass(frozen=True)
class _Route:
    pattern: EndpointPattern
    door: Door
    expression: re.Pattern[str]


class EndpointTable:
    """The endpoints of one server; literal URLs win over those with a handle, so routing is deterministic.

    Raises ValueError on a URL that cannot be an endpoint, and on two endpoints with one URL.
    """

    def __init__(self, patterns: Iterable[EndpointPattern]) -> None:
        self.patterns = tuple(patterns)
        for pattern in self.patterns:
            _check(pattern)
        if len({pattern.url for pattern in self.patterns}) != len(self.patterns):
            raise ValueError("two endpoints have the same URL")
        literal_first = sorted(self.patterns, key=lambda pattern: _PLACEHOLDER in pattern.url)
        self._routes = tuple(route for pattern in literal_first for route in _routes(pattern))
        self._hosts = tuple(re.compile(_authority(pattern.url) + r"\Z") for pattern in self.patterns)

    def match(self, authority: str, path: str) -> Match | None:
        """Return the endpoint and door at this Host value and raw path, or None."""
        address = authority.lower() + path
        for route in self._routes:
            if found := route.expression.match(address):
                return self._match(route, found.groupdict().get("handle"), path)
        return None

    def _match(self, route: _Route, handle: str | None, path: str) -> Match:
        own = route.pattern
        namesakes = [each.url for each in self.patterns if each.name == own.name and each.url != own.url]
        others = tuple(
            url.replace(_PLACEHOLDER, handle or "") for url in namesakes if handle or _PLACEHOLDER not in url
        )
        return Match(_endpoint(own, handle, others), route.door, path.rpartition("/")[0])

    def knows_host(self, authority: str) -> bool:
        """Return whether any endpoint lives at this Host value."""
        return any(host.match(authority.lower()) for host in self._hosts)


def _check(pattern: EndpointPattern) -> None:
    if not _CONFIGURABLE.match(pattern.url):
        raise ValueError(f"endpoint {pattern.name}: not a plain lower-case http(s) URL with a path: {pattern.url}")
    if pattern.url.count(_PLACEHOLDER) > 1 or re.search(r"[{}]", pattern.url.replace(_PLACEHOLDER, "")):
        raise ValueError(f"endpoint {pattern.name}: {_PLACEHOLDER} may stand once: {pattern.url}")
    if pattern.root_metadata and _PLACEHOLDER in urlsplit(pattern.url).path:
        raise ValueError(f"endpoint {pattern.name}: the root form of the metadata cannot name a handle: {pattern.url}")
    if urlsplit(pattern.url).path.startswith("/.well-known"):
        raise ValueError(f"endpoint {pattern.name}: /.well-known is taken: {pattern.url}")


def _routes(pattern: EndpointPattern) -> list[_Route]:
    path = urlsplit(pattern.url).path
    parent = path.rpartition("/")[0]
    addresses: list[tuple[Door, str]] = [("mcp", path), ("metadata", WELL_KNOWN + path)]
    # The older SSE transport beside the endpoint, as people type it, and below it: SDK clients accept the
    # metadata's resource only when the URL they were given begins with it, so only the second can sign in.
    for above in (parent, path):
        addresses += [("sse", f"{above}/sse"), ("messages", f"{above}/messages")]
    if pattern.root_metadata:
        addresses.append(("metadata", WELL_KNOWN))
    authority = _authority(pattern.url)
    return [_Route(pattern, door, re.compile(authority + _expression(where) + r"\Z")) for door, where in addresses]


def _authority(url: str) -> str:
    parts = urlsplit(url)
    default = _DEFAULT_PORTS[parts.scheme]
    return _expression(parts.netloc.removesuffix(default)) + (
        f"(?:{default})?" if parts.port is None or parts.netloc.endswith(default) else ""
    )


def _expression(text: str) -> str:
    return f"(?P<handle>{HANDLE})".join(re.escape(part) for part in text.split(_PLACEHOLDER))


def _endpoint(pattern: EndpointPattern, handle: str | None, others: tuple[str, ...]) -> Endpoint:
    resource = pattern.url.replace(_PLACEHOLDER, handle or "")
    parts = urlsplit(resource)
    return Endpoint(
        name=pattern.name,
        resource=resource,
        handle=handle,
        metadata_url=f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path}",
        resource_server=pattern.resource_server,
        issuer=pattern.issuer,
        other_addresses=others,
    )


def request_authority(
    host: str | None, *, forwarded_host: str | None = None, trusted_proxy_count: int = 0
) -> str | None:
    """Return the host the client asked for: ``Host``, or what the trusted proxies forwarded.

    ``X-Forwarded-Host`` is believed only behind ``trusted_proxy_count`` proxies of our own; of several values
    the one that the outermost of them added counts. ``X-Forwarded-Proto`` is never needed: the scheme of a
    resource is configured.
    """
    if trusted_proxy_count > 0 and forwarded_host:
        values = [value.strip() for value in forwarded_host.split(",")]
        return values[max(0, len(values) - trusted_proxy_count)]
    return host
