"""How a connection stands now: its lock, why nothing may be issued under it, and whether anybody holds it."""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from authserver.models import AccessToken, AuthorizationCode, Connection, RefreshToken
from authserver.protocol.errors import Refusal, invalid_grant
from authserver.services.governance import verdicts
from handles import access


def lock(connection_id: UUID) -> Connection:
    """Return the connection, locked until the transaction ends, with the rows that its rules ask about."""
    rows = Connection.objects.select_for_update(of=("self",))
    return rows.select_related("client", "user", "handle", "protected_resource").get(pk=connection_id)


def refusal_of(connection: Connection) -> Refusal | None:
    """Return why nothing may be issued under this connection now, or None. Membership, person, client, handle,
    its word on the client and endpoint are asked live."""
    if not connection.is_live:
        return invalid_grant(f"connection:ended_{connection.end_reason}")
    if not connection.client.is_usable(None):
        return invalid_grant("client:blocked_or_expired")
    if not connection.protected_resource.is_active:
        return invalid_grant("resource:withdrawn")
    if access.role_in(connection.handle, connection.user) is None:
        return invalid_grant("person:may_not_act_for_handle")
    verdict = verdicts.verdict_for(connection.handle, connection.client)
    return None if verdict.lets_in else invalid_grant(verdict.reason)


def held(now: datetime) -> Q:
    """Return the condition that somebody holds something of a connection: a code, an access or a refresh token."""
    codes = AuthorizationCode.objects.filter(connection=OuterRef("pk"), expires_at__gt=now, redeemed_at=None)
    access_tokens = AccessToken.objects.filter(connection=OuterRef("pk"), expires_at__gt=now)
    refresh_tokens = RefreshToken.objects.filter(connection=OuterRef("pk"), expires_at__gt=now)
    return Q(Exists(refresh_tokens)) | Q(Exists(access_tokens)) | Q(Exists(codes))  # the likeliest first
