"""Faults that a resource server answers for us: it is told of one with an introspection answer, and claims it first, so
that it fires once, whichever of its processes was told."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction

from authserver.models import Connection, Rehearsal, ResourceServer
from authserver.services.connections import lock
from authserver.services.connections.footing import Footing
from authserver.services.rehearsals import ending, meeting
from authserver.services.statements import Statement, Steps

Fault = Rehearsal.Fault
OF_RESOURCE_SERVERS = frozenset({Fault.HANDLE_MISMATCH.value, Fault.CLOCK_SKEW.value, Fault.UNAVAILABLE.value})


def told(standing: Footing) -> Steps[Mapping[str, Any]]:
    """Return what an introspection answer says of a rehearsal: nothing, but where its connection waits for a fault that
    a resource server answers. Only then there is a statement."""
    if standing.rehearsed_fault not in OF_RESOURCE_SERVERS:
        return {}
    key = "CAST(%s AS uuid)" if database.vendor == "postgresql" else "%s"
    table = Rehearsal._meta.db_table
    text = f"""
        SELECT CAST(id AS text), fault FROM "{table}"
         WHERE connection_id = {key} AND ended_at IS NULL AND met_at IS NULL"""  # noqa: S608  (a table of ours)
    rows = yield Statement(text, [standing.connection_id])
    return {"rehearsal": {"id": str(UUID(rows[0][0])), "fault": rows[0][1]}} if rows else {}


@transaction.atomic
def claim(rehearsal_id: UUID, asker: ResourceServer, *, now: datetime) -> bool:
    """Return whether this resource server is to answer the fault now: the first one that asks, of those that the
    connection's endpoint belongs to. Records rehearsal:met and rehearsal:ended."""
    mine = Rehearsal.objects.filter(pk=rehearsal_id, connection__protected_resource__in=asker.resources.all())
    waiting = mine.filter(fault__in=OF_RESOURCE_SERVERS, met_at=None, ended_at=None).first()
    if waiting is None:
        return False
    locked = lock(waiting.connection_id)
    still = ending.open_of(locked)
    possible = locked.is_live and not locked.paused_at and locked.handle.is_for_testing
    if still is None or still.pk != rehearsal_id or still.met_at or not possible:
        return False
    ending.meet(still, locked, now=now)
    ending.end(still, locked, how=ending.MET, now=now)
    return True


@transaction.atomic
def missed(connection_id: UUID, missing: Collection[str], *, now: datetime) -> None:
    """Take in a report that a call under this connection lacked these scopes. Records rehearsal:met and
    rehearsal:ended where one of them was withheld for that."""
    if Connection.objects.filter(pk=connection_id).exists():  # it may have gone in the meantime, with its person
        meeting.at_missing_scope(lock(connection_id), missing, now=now)
