"""What a resource server outside MCP is told of a personal access token. Apart from `services.introspection`, which is
asked for every MCP call and stays one statement."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from authserver import policy
from authserver.models import ProtectedResource
from authserver.protocol import resources, scopes
from authserver.protocol.control.scopes import CATALOG
from authserver.protocol.errors import Refusal
from authserver.services import catalog
from authserver.services.personal_tokens.standing import Found, find, mark_used

Answer = dict[str, Any]


def is_one(token: str) -> bool:
    """Tell whether this calls itself a personal access token."""
    return token.startswith(policy.PERSONAL_ACCESS_TOKEN_PREFIX)


def describe(token: str, *, asker: UUID | None, issuer: str, now: datetime) -> Answer:
    """Return the introspection answer for this personal access token, as this resource server, which has proved itself,
    may know it.

    Active only for a server of a resource that takes such tokens, which no MCP endpoint of the platform does; to all
    others there is no such token. `aud` is that resource's address, or a list where the server has several.

    Obeys: RFC 7662 §2.2 (answer; nothing about others' tokens), §4.
    """
    kind = ProtectedResource.Kind.OTHER
    taking = ProtectedResource.objects.filter(
        resource_servers=asker, kind=kind, is_active=True, takes_personal_tokens=True
    )
    # Whether this server may be told at all comes before the token, so that asking in vain is no use of it.
    if not taking.exists():
        return {"active": False}
    found = find(token, now)
    if isinstance(found, Refusal):
        return {"active": False}
    rows = list(taking.filter(Q(handle=None) | Q(handle=found.row.handle_id)).prefetch_related("scopes"))
    if not rows:
        return {"active": False}
    mark_used(found.row, now)
    return _answer(found, rows, issuer)


def _answer(found: Found, taking: list[ProtectedResource], issuer: str) -> Answer:
    row, person = found.row, found.row.user
    addresses = [resources.fill(catalog.address_of(each), row.handle.slug) for each in taking]
    return {
        "active": True,
        "scope": " ".join(_worth(found, taking)),
        "sub": str(person.pk),
        "username": person.email,
        "name": person.display_name,
        "aud": addresses[0] if len(addresses) == 1 else addresses,
        "iss": issuer,
        "exp": int(row.expires_at.timestamp()),
        "iat": int(row.created_at.timestamp()),
        "jti": bytes(row.digest).hex()[:32],
        "token_type": "Bearer",
        "handle": row.handle.slug,
        "handle_role": found.role.value,
        "token_kind": "personal_access_token",
        "personal_access_token_id": str(row.pk),
    }


def _worth(found: Found, taking: list[ProtectedResource]) -> list[str]:
    """Return what the token may do at these resources. What it may do at the control plane is nobody else's to know."""
    limits = [{scope.pk for scope in each.scopes.all()} for each in taking]
    worth = scopes.allowed_to(found.role, found.row.scope_list, catalog.current())
    here = [name for name in worth if any(not limit or name in limit for limit in limits)]
    return [name for name in here if name not in CATALOG]
