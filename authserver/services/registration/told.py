"""What a registrant is told."""

from typing import Any

from authserver.protocol import scopes
from authserver.protocol.scopes import Catalog
from authserver.services.registration.registering import Registered


def describe(registered: Registered, *, issuer: str, catalog: Catalog, scope: str = "") -> dict[str, Any]:
    """Return the client information response: what was registered, which may be less than was sent.
    `issuer` is the one that was asked.

    Obeys: RFC 7591 §3.2.1 (every registered member is told; `client_secret_expires_at` with a secret), RFC 7592 §3.
    """
    client = registered.client
    body: dict[str, Any] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created.timestamp()),
        "client_name": client.name,
        "redirect_uris": list(registered.redirect_uris),
        "token_endpoint_auth_method": client.auth_method,
        "grant_types": ["authorization_code", "refresh_token"] if client.may_refresh else ["authorization_code"],
        "response_types": ["code"],
        "scope": _told_scope(scope, catalog),
    }
    told = {
        "client_uri": client.website_url,
        "policy_uri": client.policy_url,
        "tos_uri": client.terms_url,
        "software_id": client.software_id,
        "software_version": client.software_version,
        "jwks_uri": client.jwks_uri,
        "jwks": client.jwks if client.signs and not client.jwks_uri else None,
    }
    body |= {name: value for name, value in told.items() if value}
    if registered.secret:
        body |= {"client_secret": registered.secret, "client_secret_expires_at": 0}
    if registered.registration_token or client.registration_token_digest:
        body["registration_client_uri"] = f"{issuer}/oauth/register/{client.client_id}"
    if registered.registration_token:
        body["registration_access_token"] = registered.registration_token
    return body


def _told_scope(scope: str, catalog: Catalog) -> str:
    """Return what of the named scopes exists here, or the default ones. It is told, not kept: it limits nothing."""
    return " ".join(scopes.asked(scope, catalog, frozenset()) or scopes.asked("", catalog, frozenset()))
