"""The faults that a client meets at the token endpoint, and the report of a call that lacked a scope. The caller has
locked the connection, and has read that it rehearses (`Footing.rehearsed_fault`)."""

from collections.abc import Collection
from datetime import datetime
from enum import Enum, auto

from authserver.models import Connection, Rehearsal
from authserver.services.rehearsals import ending
from authserver.services.rehearsals.ending import MET

Fault = Rehearsal.Fault


class Effect(Enum):
    """What a refresh comes to."""

    NONE = auto()
    RACED = auto()  # another process of the client was faster
    LOST = auto()  # the answer does not arrive


def is_revoked(connection: Connection, *, now: datetime) -> bool:
    """Tell whether this connection's refreshes are refused as after a revocation. Records rehearsal:met, once."""
    rehearsal = ending.open_of(connection)
    if rehearsal is None or rehearsal.fault != Fault.REVOCATION:
        return False
    ending.meet(rehearsal, connection, now=now)
    return True


def at_refresh(connection: Connection, *, is_first: bool, now: datetime) -> Effect:
    """Return what becomes of a refresh that would be answered. `is_first`: by a new pair, not by one of before. Records
    rehearsal:met and rehearsal:ended as it comes."""
    rehearsal = ending.open_of(connection)
    if rehearsal is None:
        return Effect.NONE
    fault = Fault(rehearsal.fault)
    if fault == Fault.EXPIRY:
        _over(rehearsal, connection, now)
    elif fault == Fault.REFRESH_RACE and is_first:
        _over(rehearsal, connection, now)
        return Effect.RACED
    elif fault == Fault.LOST_ANSWER:
        return _lost(rehearsal, connection, is_first=is_first, now=now)
    return Effect.NONE


def _lost(rehearsal: Rehearsal, connection: Connection, *, is_first: bool, now: datetime) -> Effect:
    """Lose one answer. Whatever the client asks next ends the rehearsal: the same again, which it gets, or else."""
    if rehearsal.met_at is not None:
        rehearsal.detail = rehearsal.detail | {"came_again": True}
        ending.end(rehearsal, connection, how=MET, now=now)
        return Effect.NONE
    if not is_first:
        return Effect.NONE
    ending.meet(rehearsal, connection, now=now)
    return Effect.LOST


def at_exchange(connection: Connection, *, now: datetime) -> None:
    """Take in that the client came with a new code: where its credentials were the fault, that is over."""
    rehearsal = ending.open_of(connection)
    if rehearsal is None:
        return
    fault = Fault(rehearsal.fault)
    if fault in (Fault.EXPIRY, Fault.REVOCATION) or (fault == Fault.LOST_ANSWER and rehearsal.met_at):
        _over(rehearsal, connection, now)


def at_missing_scope(connection: Connection, missing: Collection[str], *, now: datetime) -> None:
    """Take in that a call was refused for want of these scopes: the one that is withheld is given back."""
    rehearsal = ending.open_of(connection)
    if rehearsal and rehearsal.detail.get("scope") in missing:
        _over(rehearsal, connection, now)


def lent(connection: Connection) -> list[str]:
    """Return the scope that is only withheld for a while. New credentials carry it, so that they are whole once it is
    given back; until then the connection, which is asked live, does not let it."""
    rehearsal = ending.open_of(connection)
    scope = rehearsal.detail.get("scope") if rehearsal else None
    return [scope] if scope in connection.scopes.split() and scope in connection.withheld_scopes.split() else []


def _over(rehearsal: Rehearsal, connection: Connection, now: datetime) -> None:
    ending.meet(rehearsal, connection, now=now)
    ending.end(rehearsal, connection, how=MET, now=now)
