"""From an MCP URL to its authorization server, as strict clients go: each document read, each string compared.

Nothing is asked of an authorization server before it is known to be the one that was meant.

Obeys: RFC 9728 §3.1, §3.3, §5.1; RFC 8414 §3.1, §3.3; MCP authorization 2026-07-28 (the order of well-known paths,
S256 listed, https everywhere).
"""

import json
from dataclasses import dataclass

from gatehouse import challenges, documents, wire
from gatehouse.challenges import Challenge
from gatehouse.documents import Json, text, texts
from gatehouse.words import differing, failed
from gatehouse.words.marking import gettext_noop

RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
SERVER_METADATA = "/.well-known/oauth-authorization-server"
OPENID_METADATA = "/.well-known/openid-configuration"
OF_RESOURCE = gettext_noop("the resource metadata")
OF_SERVER = gettext_noop("the authorization server's metadata")
REVISION = "2025-11-25"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": {"name": "gatehouse", "version": "0"}},
}


@dataclass(frozen=True)
class Server:
    """An authorization server whose metadata is sound. Without a registration endpoint it is closed."""

    issuer: str
    registration_endpoint: str
    auth_methods: tuple[str, ...]


@dataclass(frozen=True)
class Discovered:
    """What a client knows before it registers."""

    mcp_url: str
    server: Server
    default_scopes: tuple[str, ...]


def discover(mcp_url: str, *, expected_issuer: str = "") -> Discovered:
    """Return what leads from the MCP URL to its authorization server, which is `expected_issuer` where that is given.
    Raises Failed at the first step that does not hold."""
    secure(mcp_url, gettext_noop("the MCP URL"), mcp_url)
    challenge = challenged(mcp_url)
    resource = resource_metadata(mcp_url, challenge)
    issuer = advertised_issuer(mcp_url, resource, expected_issuer)
    server = server_metadata(mcp_url, issuer)
    return Discovered(mcp_url, server, challenge.scopes or texts(resource, "scopes_supported"))


def challenged(mcp_url: str) -> Challenge:
    """Return the challenge to a call without a credential. Raises Failed."""
    answer = wire.post(mcp_url, json.dumps(HELLO).encode(), accept="application/json, text/event-stream")
    if answer.status == 404:
        raise failed("not_found", url=mcp_url, what=gettext_noop("the MCP server"))
    if answer.status != 401:
        raise failed("no_challenge", url=mcp_url, status=answer.status)
    found = challenges.parse(answer.headers.get("www-authenticate", ()))
    if found is None:
        raise failed("no_bearer", url=mcp_url)
    return found


def resource_metadata(mcp_url: str, challenge: Challenge) -> Json:
    """Return the resource metadata that the challenge names, else that of the well-known paths. Raises Failed."""
    named = challenge.metadata_url
    if named and wire.origin(named) != wire.origin(mcp_url):
        raise failed("metadata_elsewhere", url=mcp_url, told=named)
    _, document = documents.first([named] if named else well_known_of_resource(mcp_url), OF_RESOURCE)
    told = text(document, "resource")
    if told != mcp_url:
        raise failed("resource_differs", **differing(told, mcp_url))
    return document


def advertised_issuer(mcp_url: str, resource: Json, expected: str) -> str:
    """Return the authorization server that the resource names first: several clients read no further. Raises
    Failed where there is none, or another than expected."""
    told = next(iter(texts(resource, "authorization_servers")), "")
    if not told:
        raise failed("no_authorization_server", url=mcp_url)
    if expected and told != expected:
        raise failed("wrong_authorization_server", url=mcp_url, told=told, expected=expected)
    return told


def server_metadata(mcp_url: str, issuer: str) -> Server:
    """Return what the metadata of an issuer says, every address in it https. Raises Failed."""
    secure(issuer, gettext_noop("the authorization server"), mcp_url)
    url, document = documents.first(well_known_of_server(issuer), OF_SERVER)
    told = text(document, "issuer")
    if told != issuer:
        raise failed("issuer_differs", **differing(told, issuer))
    _check_members(document, url)
    for member in ("authorization_endpoint", "token_endpoint", "registration_endpoint"):
        if member in document:
            secure(text(document, member), member, mcp_url)
    methods = texts(document, "token_endpoint_auth_methods_supported") or ("client_secret_basic",)  # RFC 8414 §2
    return Server(issuer, text(document, "registration_endpoint"), methods)


def _check_members(document: Json, url: str) -> None:
    for member in ("authorization_endpoint", "token_endpoint"):
        if not text(document, member):
            raise failed("member_missing", url=url, member=member)
    if "code" not in texts(document, "response_types_supported"):
        raise failed("member_missing", url=url, member='"code" in response_types_supported')
    if "S256" not in texts(document, "code_challenge_methods_supported"):
        raise failed("no_pkce", url=url)


def secure(url: str, what: str, mcp_url: str) -> None:
    """Refuse what is not https. On this computer http will do, but no server elsewhere may send us here."""
    local = wire.is_loopback(url) and wire.is_loopback(mcp_url)
    if wire.split(url).scheme != "https" and not local:
        raise failed("not_https", url=url, what=what)


def well_known_of_resource(mcp_url: str) -> list[str]:
    """Return where the metadata of a resource may be, in the order of clients. Obeys: RFC 9728 §3.1."""
    parts = wire.split(mcp_url)
    root = f"{parts.scheme}://{parts.netloc}{RESOURCE_METADATA}"
    path = parts.path.rstrip("/")
    return [root + path, root] if path else [root]


def well_known_of_server(issuer: str) -> list[str]:
    """Return where the metadata of an issuer may be, in the order of clients. Obeys: RFC 8414 §3.1."""
    parts = wire.split(issuer)
    root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    found = [root + SERVER_METADATA + path, root + OPENID_METADATA + path]
    return [*found, root + path + OPENID_METADATA] if path else found
