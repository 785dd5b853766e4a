"""How a rehearsal is met and ends: what was taken is put back. The caller has locked the connection."""

from datetime import datetime
from typing import Any

from accounts.models import User
from authserver.models import AccessToken, Connection, Rehearsal
from authserver.services import events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject

MET = "met"  # the client met the fault, or what it did made an end of it
CALLED_OFF = "called_off"
TIME_OVER = "time_over"
NOT_POSSIBLE = "not_possible"  # the connection ended, or its handle is not for testing any more


def open_of(connection: Connection) -> Rehearsal | None:
    """Return what this connection, locked, rehearses now."""
    return Rehearsal.objects.filter(connection=connection, ended_at=None).first()


def meet(rehearsal: Rehearsal, connection: Connection, *, now: datetime) -> bool:
    """Note that the client met its fault, once; return whether this was the time. Records rehearsal:met."""
    if rehearsal.met_at is not None:
        return False
    rehearsal.met_at = now
    client = {"name": connection.client_name or connection.client.name, "agent": connection.last_agent}
    rehearsal.detail = rehearsal.detail | {"client": client}
    rehearsal.save(update_fields=["met_at", "detail"])
    _record(Tag.REHEARSAL_MET, rehearsal, connection, actor=Actor.CLIENT)
    return True


def end(rehearsal: Rehearsal, connection: Connection, *, how: str, now: datetime, by: User | None = None) -> None:
    """End it: the connection is as before. What the client did not replace itself is given back: a scope always,
    credentials whose own time is not over where the client did not get new ones. Records rehearsal:ended."""
    gave = _give_scope_back(rehearsal, connection)
    if how != MET:
        gave = _give_credentials_back(rehearsal, connection, now) or gave
    connection.rehearsed_fault = ""
    connection.save(update_fields=["rehearsed_fault"])
    rehearsal.ended_at = now
    rehearsal.detail = {name: told for name, told in rehearsal.detail.items() if name != "expired"} | {"ended": how}
    rehearsal.save(update_fields=["ended_at", "detail"])
    actor = Actor.PERSON if by else Actor.CLIENT if how == MET else Actor.SYSTEM
    event = _record(Tag.REHEARSAL_ENDED, rehearsal, connection, actor=actor, by=by, how=how)
    if gave:
        receipts.claims_changed(Subject(connection=connection), event=event, now=now)


def call_off(connection: Connection, *, by: User, now: datetime) -> None:
    """End what this connection, locked, rehearses, if anything: somebody decides about what it may do."""
    rehearsal = open_of(connection) if connection.rehearsed_fault else None
    if rehearsal:
        end(rehearsal, connection, how=CALLED_OFF, now=now, by=by)


def _give_scope_back(rehearsal: Rehearsal, connection: Connection) -> bool:
    scope = rehearsal.detail.get("scope")
    left = [name for name in connection.withheld_scopes.split() if name != scope]
    if scope is None or left == connection.withheld_scopes.split():
        return False
    connection.withheld_scopes = " ".join(left)
    connection.save(update_fields=["withheld_scopes"])
    return True


def _give_credentials_back(rehearsal: Rehearsal, connection: Connection, now: datetime) -> bool:
    """Let the credentials that ran out early live to their own end, as far as that is still to come."""
    known: dict[str, str] = rehearsal.detail.get("expired", {})
    mine = AccessToken.objects.filter(connection=connection, expires_at=rehearsal.set_at)
    given = [
        mine.filter(pk=int(pk)).update(expires_at=expires_at)
        for pk, expires_at in known.items()
        if datetime.fromisoformat(expires_at) > now
    ]
    return any(given)


def _record(tag: Tag, rehearsal: Rehearsal, connection: Connection, **told: Any) -> Any:
    return events.record(tag, connection=connection, rehearsal=str(rehearsal.pk), fault=rehearsal.fault, **told)
