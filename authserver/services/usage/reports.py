"""Tool calls as resource servers report them: kept as they come, and the scopes that were missing made wishes."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from authserver import policy
from authserver.models import Connection, ResourceServer, ToolCall
from authserver.protocol.connections.reports import Call
from authserver.services import connections
from authserver.services.rehearsals import claiming


def take(report: Iterable[Call], asker: ResourceServer, now: datetime) -> int:
    """Keep the calls under connections of the asker's own resources, live or ended within policy.REPORT_AGE_MAX, and
    pass over the others; return how many were kept.

    Each scope that was missing becomes a wish, once per report and connection.
    """
    calls = list(report)
    known = _connections_of(asker, {call.connection_id for call in calls}, now)
    kept = sorted((call for call in calls if call.connection_id in known), key=lambda call: call.connection_id)
    ToolCall.objects.bulk_create(
        ToolCall(
            connection_id=call.connection_id,
            resource_server_id=asker.pk,
            tool=call.tool,
            scopes=call.scopes,
            outcome=call.outcome.value,
            count=call.count,
            at=call.at,
        )
        for call in kept
    )
    _meet(kept, known, now)
    _wish(kept, known, now)
    return len(kept)


def _connections_of(asker: ResourceServer, ids: set[UUID], now: datetime) -> dict[UUID, Connection]:
    recent = Q(ended_at=None) | Q(ended_at__gt=now - policy.REPORT_AGE_MAX)
    mine = Connection.objects.filter(recent, pk__in=ids, protected_resource__in=asker.resources.all())
    return mine.only("ended_at", "scopes", "withheld_scopes", "rehearsed_fault").in_bulk()


def _meet(calls: list[Call], known: dict[UUID, Connection], now: datetime) -> None:
    """Tell of scopes that were missing because a rehearsal withholds them."""
    for call in calls:
        if call.missing and known[call.connection_id].rehearsed_fault:
            claiming.missed(call.connection_id, call.missing, now=now)


def _wish(calls: list[Call], known: dict[UUID, Connection], now: datetime) -> None:
    wanted = {
        (call.connection_id, scope): call.tool
        for call in calls
        for scope in call.missing
        if known[call.connection_id].is_live and scope not in known[call.connection_id].scope_list
    }
    for (connection_id, scope), tool in list(wanted.items())[: policy.REPORT_WISHES_MAX]:
        with suppress(Connection.DoesNotExist):  # it went in the meantime, with its person
            connections.wish(connection_id, scope, tool=tool, now=now)
