"""Telling people by mail of new tools that wait for their word, behind the publishing, some connections at a time.

An endpoint remembers how far it is, in the transaction that owes the letters: wherever a run ends, and however many
workers there are, no connection's person is told twice of one version.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from authserver import policy
from authserver.models import Connection, Notice, ProtectedResource
from authserver.protocol.tools import Tool
from authserver.services import notices
from authserver.services.batches import Pace
from authserver.services.tools import waiting

BATCH = 100  # connections looked at in one transaction: publishing waits for it


def tell_due(*, now: datetime, pace: Pace | None = None) -> int:
    """Owe the letters of one round; return how many. None while those of an earlier round wait for the mail server:
    mail that matters more would wait behind them."""
    pace, told = pace or Pace(policy.PURGE_RUN), 0
    if notices.are_due(Notice.Kind.TOOLS_WAITING, now=now):
        return 0
    for pk in list(_due(now).order_by("tools_published_at").values_list("pk", flat=True)):
        more = True
        while more and told < policy.TOOLS_MAIL_PER_ROUND and not pace.is_over:
            with pace.step():
                count, more = _tell_some(pk, now=now)
            told += count
    return told


def _due(now: datetime) -> QuerySet[ProtectedResource]:
    settled = ProtectedResource.objects.filter(tools_published_at__lte=now - policy.TOOLS_MAIL_AFTER, is_active=True)
    return settled.filter(tools_version__gt=F("tools_told_version"))


@transaction.atomic
def _tell_some(pk: UUID, *, now: datetime) -> tuple[int, bool]:
    """Look at the next connections of this endpoint; return how many letters that made, and whether there is more to
    look at."""
    rows = _due(now).select_for_update(of=("self",), skip_locked=True, no_key=True)
    endpoint = rows.filter(pk=pk).first()
    if endpoint is None:  # done, or another worker is at it
        return 0, False
    # A version that comes meanwhile has a pass of its own: who was passed by already is told of it too.
    version = endpoint.tools_telling_version or endpoint.tools_version
    page = _next(endpoint)
    told = _tell(page, since=endpoint.tools_told_version, version=version, now=now)
    progress = {"tools_telling_version": version, "tools_told_to": page[-1] if page else None}
    if len(page) < BATCH:
        progress = {"tools_told_version": version, "tools_telling_version": 0, "tools_told_to": None}
    ProtectedResource.objects.filter(pk=pk).update(**progress)
    return told, True


def _next(endpoint: ProtectedResource) -> list[UUID]:
    """Return the next ids whatever their state: so each statement reads one page and no more."""
    rows = Connection.objects.filter(protected_resource=endpoint)
    if endpoint.tools_told_to:
        rows = rows.filter(pk__gt=endpoint.tools_told_to)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _tell(page: list[UUID], *, since: int, version: int, now: datetime) -> int:
    used = Connection.objects.filter(pk__in=page, last_used_at__gte=now - policy.TOOLS_MAIL_USED_WITHIN)
    live = used.filter(ended_at=None, paused_at=None, user__is_active=True)
    rows = list(live.select_related("protected_resource", "handle", "user", "client"))
    found = waiting.at_each(rows)
    told = [_owe(row, found.get(row.pk, ()), since=since, version=version, now=now) for row in rows]
    return sum(told)


def _owe(row: Connection, tools: tuple[Tool, ...], *, since: int, version: int, now: datetime) -> bool:
    new = [tool.title for tool in tools if since < tool.since <= version]
    if not new:
        return False
    named = new[: policy.TOOLS_MAIL_NAMES]
    notices.owe(Notice.Kind.TOOLS_WAITING, row.user, connection=row, now=now, at_once=False, tools=named)
    return True
