"""The end of a connection: one function for everybody."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import User
from authserver.models import AccessToken, Client, Connection, RefreshToken
from authserver.protocol import credentials
from authserver.services import events, receipts
from authserver.services.connections.standing import held, lock
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject

EndReason = Connection.EndReason


@transaction.atomic
def revoke(connection: Connection, *, reason: EndReason, now: datetime, by: User | None = None, note: str = "") -> bool:
    """End a connection: every credential under it is refused from the next request on. Return False if it had ended.

    The one function for everybody: client, person, a handle's admin, administrator, replay. Records
    connection:revoked, and tells the resource servers that remember answers.
    """
    locked = lock(connection.pk)
    if not locked.is_live:
        return False
    locked.ended_at, locked.end_reason = now, reason
    locked.save(update_fields=["ended_at", "end_reason"])
    event = events.record(
        Tag.CONNECTION_REVOKED, actor=_actor(reason), by=by, connection=locked, reason=reason.value, note=note[:500]
    )
    receipts.session_revoked(Subject(connection=locked), event=event, now=now)
    return True


def _actor(reason: EndReason) -> Actor:
    return {
        EndReason.PERSON: Actor.PERSON,
        EndReason.HANDLE_ADMIN: Actor.PERSON,
        EndReason.ADMINISTRATOR: Actor.ADMINISTRATOR,
        EndReason.CLIENT: Actor.CLIENT,
        EndReason.CLIENT_DELETED: Actor.CLIENT,
        EndReason.SIGNED_OUT: Actor.PERSON,
        EndReason.MEMBER_REMOVED: Actor.PERSON,
    }.get(reason, Actor.SYSTEM)


def revoke_by_token(token: str, *, client: Client, now: datetime) -> bool:
    """End the connection that this access or refresh token belongs to, if it is this client's. Return whether one
    ended; a token that is unknown or another's ends nothing and is no error.

    Obeys: RFC 7009 §2.1 (bound to the client), §2.2 (unknown tokens are no error).
    """
    digest = credentials.digest(token)
    for model in (RefreshToken, AccessToken):
        found = model.objects.filter(digest=digest).select_related("connection").first()
        if found and found.connection.client_id == client.pk:
            return revoke(found.connection, reason=EndReason.CLIENT, now=now)
    return False


@transaction.atomic
def end_if_nobody_holds_it(connection_id: UUID, *, now: datetime) -> bool:
    """End a connection of which nobody holds anything any more; return whether it ended."""
    connection = lock(connection_id)
    if Connection.objects.filter(held(now), pk=connection.pk).exists():
        return False
    return revoke(connection, reason=EndReason.UNUSED, now=now)


def revoke_all(
    connections: Iterable[Connection], *, reason: EndReason, now: datetime, by: User | None, note: str = ""
) -> int:
    """End each of these connections in a transaction of its own; return how many were live."""
    return sum(revoke(connection, reason=reason, now=now, by=by, note=note) for connection in connections)
