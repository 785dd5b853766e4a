"""Adding up: reported calls become one row per connection, day, tool, scopes and outcome.

A batch is added and removed in one transaction, and its rows are locked by whoever adds them: so each call is counted
once, however many workers do this at the same moment and wherever one of them dies.
"""

from collections import Counter
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import models, transaction

from authserver import policy
from authserver.models import ConnectionUse, ToolCall, ToolUse
from authserver.services import batches
from authserver.services.batches import Pace
from authserver.services.usage import sums

BATCH = 1_000  # short transactions: SQLite has one writer
BATCHES_MAX = 1_000  # of one run; the next one goes on
OTHER_TOOLS = "(other tools)"
NAMES = ("connection", "day", "tool", "scopes", "outcome")


class Key(NamedTuple):
    connection_id: UUID
    day: date
    tool: str
    scopes: str
    outcome: str


def roll_up() -> int:
    """Add all reported calls to what is kept per day; return how many rows of reports went into it."""
    done = 0
    for _ in range(BATCHES_MAX):
        added = _roll_up_batch()
        done += added
        if not added:
            break
    return done


@transaction.atomic
def _roll_up_batch() -> int:
    rows = list(ToolCall.objects.select_for_update(skip_locked=True).order_by("pk")[:BATCH])
    counts: Counter[Key] = Counter()
    for row in rows:
        day = row.at.astimezone(UTC).date()
        counts[Key(row.connection_id, day, row.tool, row.scopes, row.outcome)] += row.count
    sums.add(ToolUse, (*NAMES, "count"), _bounded(counts))
    ToolCall.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _bounded(counts: Counter[Key]) -> Counter[Key]:
    """Put together what would exceed policy.TOOLS_PER_CONNECTION_AND_DAY_MAX rows of one connection and day."""
    kept = ToolUse.objects.filter(
        connection__in={key.connection_id for key in counts}, day__in={key.day for key in counts}
    )
    rows = Counter({pair[:2]: pair[2] for pair in kept.values_list("connection", "day").annotate(models.Count("pk"))})
    news = Counter(key[:2] for key in counts)
    tight = {pair[0] for pair in news if rows[pair] + news[pair] > policy.TOOLS_PER_CONNECTION_AND_DAY_MAX}
    if not tight:
        return counts
    there = set(kept.filter(connection__in=tight).values_list(*NAMES))
    bounded: Counter[Key] = Counter()
    for key, count in counts.items():
        if key.connection_id in tight and key not in there:
            if rows[key[:2]] >= policy.TOOLS_PER_CONNECTION_AND_DAY_MAX:
                key = key._replace(tool=OTHER_TOOLS, scopes="")
            rows[key[:2]] += 1
        bounded[key] += count
    return bounded


def forget(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove what was counted longer than policy.USAGE_RETENTION ago; return how many rows went."""
    pace, before = pace or Pace(policy.PURGE_RUN), (now - policy.USAGE_RETENTION).date()
    return sum(
        batches.remove(model._default_manager.filter(day__lt=before), by="day", pace=pace)
        for model in (ToolUse, ConnectionUse)
    )
