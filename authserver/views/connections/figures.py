"""How much each connection is used and what is alive of it: a few statements for all cards of a page."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, QuerySet, Sum

from authserver import policy
from authserver.models import AccessToken, Connection, RefreshToken, ToolCall, ToolUse
from authserver.models.usage import Outcome
from authserver.services.usage import figures as usage


@dataclass(frozen=True)
class ToolLine:
    tool: str
    count: int


@dataclass(frozen=True)
class Figures:
    """`tools` are the most used of the last seven days; `ends_at` is when the last of its credentials runs out, if none
    is renewed before."""

    use: usage.Figures
    tools: tuple[ToolLine, ...]
    access_tokens: int
    refresh_tokens: int
    ends_at: datetime | None


def of(connections: list[Connection], *, now: datetime) -> dict[UUID, Figures]:
    """Return the figures of each of these connections, by its id: five statements, however many they are."""
    use, tools = usage.of(connections, now), _tools(connections, now)
    access = _alive(AccessToken.objects.filter(connection__in=connections, expires_at__gt=now))
    refresh = _alive(RefreshToken.objects.filter(connection__in=connections, expires_at__gt=now, rotated_at=None))
    return {
        connection.pk: Figures(
            use=use[connection.pk],
            tools=_most_used(tools[connection.pk]),
            access_tokens=access[connection.pk][0],
            refresh_tokens=refresh[connection.pk][0],
            ends_at=max((end for _, end in (access[connection.pk], refresh[connection.pk]) if end), default=None),
        )
        for connection in connections
    }


def _tools(connections: list[Connection], now: datetime) -> dict[UUID, dict[str, int]]:
    """Return how often each connection's client called which tool, what is not added up yet among it."""
    first = usage.since(now, usage.WEEK)
    added = ToolUse.objects.filter(connection__in=connections, day__gte=first)
    waiting = ToolCall.objects.filter(connection__in=connections, at__gte=usage.midnight(first))
    found: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for rows in (added, waiting):
        sums = rows.filter(outcome=Outcome.ALLOWED).values_list("connection", "tool").annotate(Sum("count"))
        for pk, tool, count in sums.order_by():
            found[pk][tool] += count
    return found


def _most_used(counts: dict[str, int]) -> tuple[ToolLine, ...]:
    lines = [ToolLine(tool, count) for tool, count in counts.items()]
    return tuple(sorted(lines, key=lambda line: (-line.count, line.tool))[: policy.TOOLS_SHOWN])


def _alive(rows: QuerySet[Any]) -> defaultdict[UUID, tuple[int, datetime | None]]:
    counted = rows.values_list("connection").annotate(Count("pk"), Max("expires_at"))
    return defaultdict(lambda: (0, None), {pk: (number, end) for pk, number, end in counted})
