"""How much each connection was used: for the cards of a page, in one statement however many there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.db.models import QuerySet, Sum, Value
from django.utils.translation import ngettext

from authserver.models import Connection, ConnectionUse, ToolCall, ToolUse

MONTH = 30  # days, today among them
WEEK = 7


@dataclass(frozen=True)
class Figures:
    """What is known of one connection's use in the last 30 days: calls that its resource server reported, and how
    often it asked."""

    calls: int = 0
    introspections: int = 0

    @property
    def is_reported(self) -> bool:
        return self.calls > 0

    @property
    def count(self) -> int:
        """Return the tool calls where they are reported; otherwise how often was asked, which is about as often."""
        return self.calls or self.introspections

    @property
    def unit(self) -> str:
        """Return what `count` counts, in words."""
        if self.is_reported:
            return ngettext("tool call", "tool calls", self.count)
        return ngettext("request", "requests", self.count)


NONE = Figures()


def since(now: datetime, days: int) -> date:
    """Return the first of so many days (UTC), the last of which is today."""
    return now.date() - timedelta(days=days - 1)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def of(connections: Iterable[Connection], now: datetime) -> dict[UUID, Figures]:
    """Return the figures of each of these connections; those never used get zeros."""
    ids = [connection.pk for connection in connections]
    first = since(now, MONTH)
    rows = _sums(ConnectionUse.objects.filter(connection__in=ids, day__gte=first), "introspections").union(
        _sums(ToolUse.objects.filter(connection__in=ids, day__gte=first), "calls"),
        _sums(ToolCall.objects.filter(connection__in=ids, at__gte=midnight(first)), "calls"),  # not added up yet
        all=True,
    )
    found: dict[UUID, dict[str, int]] = {pk: {} for pk in ids}
    for pk, kind, total in rows if ids else ():
        found[pk][kind] = found[pk].get(kind, 0) + total
    return {pk: Figures(**sums) for pk, sums in found.items()}


def _sums(rows: QuerySet, kind: str) -> QuerySet:
    counted = "introspections" if kind == "introspections" else "count"
    sums = rows.values("connection").annotate(kind=Value(kind), total=Sum(counted))
    return sums.values_list("connection", "kind", "total").order_by()
