"""The sample server's settings, from environment variables.

| variable | default | what |
|---|---|---|
| ``ISSUER`` | ``http://127.0.0.1:8000`` | the authorization server, exactly as its metadata says |
| ``INTROSPECTION_URL`` | ``ISSUER`` + ``/oauth/introspect`` | where credentials are asked about |
| ``RESOURCE_SERVER_ID``, ``RESOURCE_SERVER_SECRET`` or ``…_SECRET_FILE`` | none | how this server signs in there |
| ``GATEWAY_URL`` | ``http://127.0.0.1:8001/mcp`` | one URL for everyone |
| ``HOSTED_URL`` | ``http://{handle}.mcp.localhost:8001/mcp`` | the handle in the host name |
| ``COMPAT_URL`` | ``http://127.0.0.1:8001/mcp/{handle}/mcp`` | the handle in the path |
| ``OTHER_RESOURCE_URL`` | none | a separate resource, with an id and a secret of its own: |
| ``OTHER_RESOURCE_SERVER_ID``, ``OTHER_RESOURCE_SERVER_SECRET`` or ``…_SECRET_FILE`` | none | |
| ``MCP_AUTH_MODE`` | ``oauth`` | ``oauth``, ``none`` or ``mixed`` |
| ``MCP_CORS_ORIGINS`` | ChatGPT's three | origins, separated by spaces or commas; ``*`` for all |
| ``MCP_CALLS_PER_MINUTE`` | ``600`` | per connection; 0 for no limit |
| ``HOST``, ``PORT`` | ``127.0.0.1``, ``8001`` | where to listen |
| ``TRUSTED_PROXY_COUNT`` | ``0`` | own proxies in front, whose ``X-Forwarded-*`` are believed |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from resourceserver.admission import Mode
from resourceserver.cors import DEFAULT_ORIGINS, OriginPolicy, is_loopback
from resourceserver.endpoints import EndpointPattern, EndpointTable


class ConfigurationError(Exception):
    """A setting that the server cannot start with. The text names the variable and never a secret."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings, checked."""

    issuer: str
    introspection_url: str
    secrets: Mapping[str, str] = field(repr=False)
    endpoints: EndpointTable
    mode: Mode
    origins: OriginPolicy
    calls_per_minute: int
    host: str
    port: int
    trusted_proxy_count: int


def read(environ: Mapping[str, str]) -> Config:
    """Return the settings in ``environ``. Raises ConfigurationError."""
    mode = _mode(environ)
    issuer = environ.get("ISSUER", "http://127.0.0.1:8000")
    if issuer.endswith("/") or urlsplit(issuer).scheme not in ("http", "https"):
        raise ConfigurationError("ISSUER: an http(s) URL without a slash at its end is needed")
    gateway_url = environ.get("GATEWAY_URL", "http://127.0.0.1:8001/mcp")
    return Config(
        issuer=issuer,
        introspection_url=environ.get("INTROSPECTION_URL") or f"{issuer}/oauth/introspect",
        secrets={} if mode == "none" else _secrets(environ),
        endpoints=_endpoints(environ, gateway_url),
        mode=mode,
        origins=_origins(environ, gateway_url),
        calls_per_minute=_whole_number(environ, "MCP_CALLS_PER_MINUTE", 600),
        host=environ.get("HOST", "127.0.0.1"),
        port=_whole_number(environ, "PORT", 8001),
        trusted_proxy_count=_whole_number(environ, "TRUSTED_PROXY_COUNT", 0),
    )


def _mode(environ: Mapping[str, str]) -> Mode:
    for mode in get_args(Mode):
        if environ.get("MCP_AUTH_MODE", "oauth") == mode:
            return mode  # type: ignore[no-any-return]
    raise ConfigurationError("MCP_AUTH_MODE: oauth, none or mixed is needed")


def _endpoints(environ: Mapping[str, str], gateway_url: str) -> EndpointTable:
    own, other = environ.get("RESOURCE_SERVER_ID", ""), environ.get("OTHER_RESOURCE_SERVER_ID", "")
    hosted_url = environ.get("HOSTED_URL", "http://{handle}.mcp.localhost:8001/mcp")
    compat_url = environ.get("COMPAT_URL", "http://127.0.0.1:8001/mcp/{handle}/mcp")
    patterns = [
        EndpointPattern("gateway", gateway_url, own, root_metadata=True),
        EndpointPattern("hosted", hosted_url, own, root_metadata=True),
        EndpointPattern("compat", compat_url, own),
    ]
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
    origins = tuple(listed.replace(",", " ").split()) if listed is not None else DEFAULT_ORIGINS
    return OriginPolicy(origins, loopback=is_loopback(gateway_url))


def _whole_number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"{name}: a whole number is needed")
    return int(text)
