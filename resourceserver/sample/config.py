"""The sample server's settings, from environment variables.

| variable | default | what |
|---|---|---|
| ``ISSUER`` | ``http://127.0.0.1:8000`` | the authorization server, exactly as its metadata says |
| ``INTROSPECTION_URL`` | ``ISSUER`` + ``/oauth/introspect`` | where credentials are asked about |
| ``RESOURCE_SERVER_ID``, ``RESOURCE_SERVER_SECRET`` or ``…_SECRET_FILE`` | none | how this server signs in there |
| ``GATEWAY_URL`` | ``http://127.0.0.1:8001/mcp`` | one URL for everyone |
| ``HOSTED_URL`` | ``http://{handle}.mcp.localhost:8001/mcp`` | the handle in the host name |
| ``COMPAT_URL`` | ``http://127.0.0.1:8001/mcp/{handle}/mcp`` | the handle in the path |
| ``FORMER_ISSUERS`` | none | its other names while it moves; the addresses of before tell the first: |
| ``FORMER_GATEWAY_URLS``, ``FORMER_HOSTED_URLS``, ``FORMER_COMPAT_URLS`` | none | still served; with commas |
| ``OTHER_RESOURCE_URL`` | none | a separate resource, with an id and a secret of its own: |
| ``OTHER_RESOURCE_SERVER_ID``, ``OTHER_RESOURCE_SERVER_SECRET`` or ``…_SECRET_FILE`` | none | |
| ``MCP_AUTH_MODE`` | ``oauth`` | ``oauth``, ``none`` or ``mixed`` |
| ``MCP_CORS_ORIGINS`` | ChatGPT's three | origins, separated by spaces or commas; ``*`` for all |
| ``MCP_CALLS_PER_MINUTE`` | ``600`` | per connection; 0 for no limit |
| ``MCP_CACHE`` | ``off`` | ``poll`` or ``push``: remember answers, as long as news of what ended arrive in time |
| ``MCP_EVENTS_URL`` | gateway + ``/.well-known/security-events`` | for ``push``: where this process hears |
| ``MCP_REPORTS`` | ``on`` | tell the authorization server which tools were called and what came of it; or ``off`` |
| ``MCP_TOOLS`` | ``on`` | publish the tools, and run each only for connections that may have it; or ``off`` |
| ``HOST``, ``PORT`` | ``127.0.0.1``, ``8001`` | where to listen |
| ``SSL_CERT_FILE``, ``SSL_CERT_DIR`` | the system's | whose certificates the authorization server may show |
| ``TRUSTED_PROXY_COUNT`` | ``0`` | own proxies in front, whose ``X-Forwarded-*`` are believed |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from resourceserver.admission import Mode
from resourceserver.cors import DEFAULT_ORIGINS, OriginPolicy, is_loopback
from resourceserver.endpoints import EndpointPattern, EndpointTable
from resourceserver.events.subscriptions import DEFAULT_PUSH_PATH

Cache = Literal["off", "poll", "push"]

_INTROSPECTION_PATH = "/oauth/introspect"


class ConfigurationError(Exception):
    """A setting that the server cannot start with. The text names the variable and never a secret."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings, checked."""

    issuer: str
    former_issuers: tuple[str, ...]
    introspection_url: str
    service_url: str  # what comes before /oauth/… on the way to the authorization server
    secrets: Mapping[str, str] = field(repr=False)
    endpoints: EndpointTable
    mode: Mode
    origins: OriginPolicy
    calls_per_minute: int
    cache: Cache
    events_url: str
    reports: bool
    tools: bool
    host: str
    port: int
    trusted_proxy_count: int


def read(environ: Mapping[str, str]) -> Config:
    """Return the settings in ``environ``. Raises ConfigurationError."""
    mode = _mode(environ)
    issuer = _issuer("ISSUER", environ.get("ISSUER", "http://127.0.0.1:8000"))
    gateway_url = environ.get("GATEWAY_URL", "http://127.0.0.1:8001/mcp")
    introspection_url = environ.get("INTROSPECTION_URL") or f"{issuer}{_INTROSPECTION_PATH}"
    return Config(
        issuer=issuer,
        former_issuers=_former_issuers(environ),
        introspection_url=introspection_url,
        service_url=_service_url(introspection_url, issuer),
        secrets={} if mode == "none" else _secrets(environ),
        endpoints=_endpoints(environ, gateway_url),
        mode=mode,
        origins=_origins(environ, gateway_url),
        calls_per_minute=_whole_number(environ, "MCP_CALLS_PER_MINUTE", 600),
        cache=_cache(environ),
        events_url=_events_url(environ, gateway_url),
        reports=_switch(environ, "MCP_REPORTS", "on"),
        tools=_switch(environ, "MCP_TOOLS", "on"),
        host=environ.get("HOST", "127.0.0.1"),
        port=_whole_number(environ, "PORT", 8001),
        trusted_proxy_count=_whole_number(environ, "TRUSTED_PROXY_COUNT", 0),
    )


def _mode(environ: Mapping[str, str]) -> Mode:
    for mode in get_args(Mode):
        if environ.get("MCP_AUTH_MODE", "oauth") == mode:
            return mode  # type: ignore[no-any-return]
    raise ConfigurationError("MCP_AUTH_MODE: oauth, none or mixed is needed")


def _issuer(name: str, issuer: str) -> str:
    if issuer.endswith("/") or urlsplit(issuer).scheme not in ("http", "https"):
        raise ConfigurationError(f"{name}: an http(s) URL without a slash at its end is needed")
    return issuer


def _former_issuers(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_issuer("FORMER_ISSUERS", issuer) for issuer in _listed(environ.get("FORMER_ISSUERS", "")))


def _listed(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _service_url(introspection_url: str, issuer: str) -> str:
    """Return where the other endpoints are: beside the introspection endpoint, in case that is reached another way."""
    if introspection_url.endswith(_INTROSPECTION_PATH):
        return introspection_url.removesuffix(_INTROSPECTION_PATH)
    return issuer


def _cache(environ: Mapping[str, str]) -> Cache:
    for cache in get_args(Cache):
        if environ.get("MCP_CACHE", "off") == cache:
            return cache  # type: ignore[no-any-return]
    raise ConfigurationError("MCP_CACHE: off, poll or push is needed")


def _events_url(environ: Mapping[str, str], gateway_url: str) -> str:
    parts = urlsplit(gateway_url)
    url = environ.get("MCP_EVENTS_URL") or f"{parts.scheme}://{parts.netloc}{DEFAULT_PUSH_PATH}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or len(parts.path) < 2 or parts.query or parts.fragment:
        raise ConfigurationError("MCP_EVENTS_URL: an http(s) URL with a path is needed")
    return url


def _switch(environ: Mapping[str, str], name: str, default: str) -> bool:
    text = environ.get(name, default)
    if text not in ("on", "off"):
        raise ConfigurationError(f"{name}: on or off is needed")
    return text == "on"


def _endpoints(environ: Mapping[str, str], gateway_url: str) -> EndpointTable:
    own, other = environ.get("RESOURCE_SERVER_ID", ""), environ.get("OTHER_RESOURCE_SERVER_ID", "")
    hosted_url = environ.get("HOSTED_URL", "http://{handle}.mcp.localhost:8001/mcp")
    compat_url = environ.get("COMPAT_URL", "http://127.0.0.1:8001/mcp/{handle}/mcp")
    patterns = [
        EndpointPattern("gateway", gateway_url, own, root_metadata=True),
        EndpointPattern("hosted", hosted_url, own, root_metadata=True),
        EndpointPattern("compat", compat_url, own),
    ]
    former = {
        "gateway": environ.get("FORMER_GATEWAY_URLS", ""),
        "hosted": environ.get("FORMER_HOSTED_URLS", ""),
        "compat": environ.get("FORMER_COMPAT_URLS", ""),
    }
    issuer = next(iter(_former_issuers(environ)), "")
    patterns += [replace(each, url=url, issuer=issuer) for each in patterns for url in _listed(former[each.name])]
    if environ.get("OTHER_RESOURCE_URL"):
        patterns.append(EndpointPattern("other", environ["OTHER_RESOURCE_URL"], other))
    try:
        return EndpointTable(patterns)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _secrets(environ: Mapping[str, str]) -> dict[str, str]:
    prefixes = ["RESOURCE_SERVER"]
    if environ.get("OTHER_RESOURCE_URL"):
        prefixes.append("OTHER_RESOURCE_SERVER")
    return {_needed(environ, f"{prefix}_ID"): _secret(environ, f"{prefix}_SECRET") for prefix in prefixes}


def _secret(environ: Mapping[str, str], name: str) -> str:
    path = environ.get(f"{name}_FILE")
    if not path:
        return _needed(environ, name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{name}_FILE: the file cannot be read") from None


def _needed(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise ConfigurationError(f"{name}: needed unless MCP_AUTH_MODE is none")
    return environ[name]


def _origins(environ: Mapping[str, str], gateway_url: str) -> OriginPolicy:
    """Return the listed origins. A server on this machine also serves pages on this machine (MCP Inspector)."""
    listed = environ.get("MCP_CORS_ORIGINS")
    origins = tuple(_listed(listed)) if listed is not None else DEFAULT_ORIGINS
    return OriginPolicy(origins, loopback=is_loopback(gateway_url))


def _whole_number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"{name}: a whole number is needed")
    return int(text)
