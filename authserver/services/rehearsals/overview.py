"""What pages show of rehearsals."""

from dataclasses import dataclass
from datetime import datetime

from authserver.models import Connection, Rehearsal
from authserver.protocol.trace.reactions import Reaction
from authserver.services.rehearsals import watching

SHOWN_MAX = 20


@dataclass(frozen=True)
class Shown:
    """A rehearsal and, where the client met its fault, what it did; `is_settled` tells whether that is the last
    word."""

    row: Rehearsal
    reaction: Reaction | None
    is_settled: bool


def of(connection: Connection, *, now: datetime) -> list[Shown]:
    """Return the latest rehearsals of a connection, the newest first."""
    rows = Rehearsal.objects.filter(connection=connection).order_by("-set_at")[:SHOWN_MAX]
    return [shown(row, now=now) for row in rows]


def shown(row: Rehearsal, *, now: datetime) -> Shown:
    if row.met_at is None:
        return Shown(row, None, is_settled=False)
    found = watching.reaction(row, now=now)
    return Shown(row, found, watching.is_settled(row, found, now=now))
