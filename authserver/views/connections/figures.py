"""How much each connection is used and what is alive of it: a few statements for all cards of a page."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet, Sum

from authserver import policy
from authserver.models import AccessToken, ConnectionUse, RefreshToken, ToolUse
from authserver.models.usage import Outcome


@dataclass(frozen=True)
class ToolLine:
    tool: str
    count: int


@dataclass(frozen=True)
class Figures:
    """`calls` within policy.CALLS_SHOWN_FOR, `tools` the most used within policy.TOOLS_SHOWN_FOR; `ends_at` is when the
    last of its credentials runs out, if none is renewed before."""

    calls: int = 0
    tools: tuple[ToolLine, ...] = ()
    access_tokens: int = 0
    refresh_tokens: int = 0
    ends_at: datetime | None = None


NONE = Figures()


def of(connections: Collection[UUID], *, now: datetime) -> dict[UUID, Figures]:
    """Return the figures of each of these connections, by its id: four statements, however many they are."""
    asked = _asked(connections, now)
    tools, reported = _tools(connections, now)
    access = _alive(AccessToken.objects.filter(connection__in=connections, expires_at__gt=now))
    refresh = _alive(RefreshToken.objects.filter(connection__in=connections, expires_at__gt=now, rotated_at=None))
    return {
        pk: Figures(
            # A resource server that remembers answers asks less often than it is called.
            calls=max(asked.get(pk, 0), reported.get(pk, 0)),
            tools=tools.get(pk, ()),
            access_tokens=access[pk][0],
            refresh_tokens=refresh[pk][0],
            ends_at=max((end for end in (access[pk][1], refresh[pk][1]) if end), default=None),
        )
        for pk in connections
    }


def _asked(connections: Collection[UUID], now: datetime) -> dict[UUID, int]:
    since = (now - policy.CALLS_SHOWN_FOR).date()
    rows = ConnectionUse.objects.filter(connection__in=connections, day__gt=since)
    return dict(rows.values_list("connection").annotate(Sum("introspections")))


def _tools(connections: Collection[UUID], now: datetime) -> tuple[Mapping[UUID, tuple[ToolLine, ...]], dict[UUID, int]]:
    """Return the most used tools of each connection, and how many calls were reported of it."""
    day = now.date()
    month, week = day - policy.CALLS_SHOWN_FOR, day - policy.TOOLS_SHOWN_FOR
    rows = ToolUse.objects.filter(connection__in=connections, day__gt=month, outcome=Outcome.ALLOWED)
    counted = rows.values_list("connection", "tool").annotate(
        all=Sum("count"), recent=Sum("count", filter=Q(day__gt=week), default=0)
    )
    lines: dict[UUID, list[ToolLine]] = defaultdict(list)
    calls: dict[UUID, int] = defaultdict(int)
    for pk, tool, number, recent in counted:
        calls[pk] += number
        if recent:
            lines[pk].append(ToolLine(tool, recent))
    return {pk: _most_used(found) for pk, found in lines.items()}, calls


def _most_used(lines: list[ToolLine]) -> tuple[ToolLine, ...]:
    return tuple(sorted(lines, key=lambda line: (-line.count, line.tool))[: policy.TOOLS_SHOWN])


def _alive(rows: QuerySet[Any]) -> defaultdict[UUID, tuple[int, datetime | None]]:
    counted = rows.values_list("connection").annotate(Count("pk"), Max("expires_at"))
    return defaultdict(lambda: (0, None), {pk: (number, end) for pk, number, end in counted})
