"""Going through many rows, and removing them, beside the requests: small steps that give way, up to an end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

BATCH = 500  # rows of one statement: its locks are held for some ten milliseconds
BACKLOG = timedelta(minutes=10)  # what expired over a longer time than this was not removed as it should have been
PLACES_MAX = 20  # of a backlog where one run begins, after it met another
CHANCE = SystemRandom()


class Pace:
    """How fast a run goes and when it ends: after each step it rests as long as the step took, so that it needs half of
    one core and of one disk at the most. `told` hears of each batch: its table and how many rows of it went."""

    def __init__(self, limit: timedelta, told: Callable[[str, int], None] | None = None) -> None:
        self._end = time.monotonic() + limit.total_seconds()
        self.told = told

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    @contextmanager
    def step(self) -> Iterator[None]:
        """Do one thing, then rest. Never inside a transaction: it would rest with locks held."""
        started = time.monotonic()
        yield
        time.sleep(time.monotonic() - started)


def walk(rows: QuerySet[Any], *, by: str, pace: Pace, also: tuple[str, ...] = ()) -> Iterator[list[tuple[Any, ...]]]:
    """Yield (key, `by`, *also) of these rows, a batch at a time in the order of `by`, until there are no more or the
    time is over.

    Each batch begins where the one before ended: what the index still holds of removed rows is not read again, and
    what could not be removed is not met again.
    """
    page = rows
    while not pace.is_over:
        with pace.step():
            batch = list(page.order_by(by, "pk").values_list("pk", by, *also)[:BATCH])
        if batch:
            yield batch
        if len(batch) < BATCH:
            return
        key, value = batch[-1][:2]
        page = rows.filter(Q(**{f"{by}__gt": value}) | Q(pk__gt=key), **{f"{by}__gte": value})


def remove(
    rows: QuerySet[Any],
    *,
    by: str,
    pace: Pace,
    before: Callable[[list[Any]], object] | None = None,
) -> int:
    """Remove these rows, each batch in a transaction of its own; return how many went. `before` is done with the
    keys of each batch, ahead of its removal.

    What somebody else has locked is passed over: it goes with the next run. Where there is a backlog each run begins
    anywhere in it: several that began with the oldest would spend their time at the same rows.
    """
    removed = 0
    for _ in range(PLACES_MAX):
        for batch in _from_anywhere(rows, by=by, pace=pace):
            keys = [row[0] for row in batch]
            if before:
                before(keys)
            with pace.step():
                gone = _remove(rows, keys)
            removed += gone
            if pace.told:
                pace.told(rows.model._meta.verbose_name_plural, gone)
            if gone * 2 < len(keys) == BATCH:
                break  # who else is at work here would be beside us to the end
        else:
            break
    return removed


def _from_anywhere(rows: QuerySet[Any], *, by: str, pace: Pace) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the batches of `walk`: the first, and where there is a backlog behind it, those behind a time within it
    that chance chooses before the others."""
    walking = walk(rows, by=by, pace=pace)
    for first in walking:
        yield first
        since = first[-1][1]
        if len(first) == BATCH and isinstance(since, datetime):
            span = (rows.order_by(f"-{by}").values_list(by, flat=True).first() or since) - since
            if span > BACKLOG:
                cut = since + span * CHANCE.random()
                yield from walk(rows.filter(**{f"{by}__gte": cut}), by=by, pace=pace)
                walking = walk(rows.filter(**{f"{by}__gte": since, f"{by}__lt": cut}), by=by, pace=pace)
        break
    yield from walking


@transaction.atomic
def _remove(rows: QuerySet[Any], keys: list[Any]) -> int:
    """Remove those of these rows that are still to go now that they are locked. Two statements: the second one sees
    what was committed before the lock.

    Not `delete()`, which would take along what points at them: what the database ties to a row refuses here.
    """
    locked = rows.order_by().select_for_update(of=("self",), skip_locked=True).filter(pk__in=keys)
    taken = list(locked.values_list("pk", flat=True))
    if not taken:
        return 0
    return rows.order_by().filter(pk__in=taken)._raw_delete(using=rows.db)
