"""Many write events while two link them: every event gets one place, and the chain holds."""

from __future__ import annotations

from threading import Event as Flag

import pytest
from django.db import connection, transaction
from django.utils import timezone

from authserver.models import Event, LedgerLink, LedgerState
from authserver.services import events, ledger
from authserver.services.ledger import linking
from tests.attacks.conftest import at_once
from tests.people import World
from tests.tampering import laid_bare

WRITERS, EACH = 4, 60


def write(number: int) -> None:
    """Write events, some of them two to a transaction, some of them in one that is rolled back."""
    for count in range(EACH):
        try:
            with transaction.atomic():
                events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM, writer=number, count=count)
                if count % 7 == 0:
                    raise LookupError
                if count % 5 == 0:
                    events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM, writer=number, again=count)
        except LookupError:
            continue


def test_no_event_is_linked_twice_or_never(crowd: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "BATCH", 3)
    done = Flag()
    left = iter(range(WRITERS))

    def writer(number: int) -> None:
        try:
            write(number)
        finally:
            if next(left) == WRITERS - 1:
                done.set()

    def linker() -> int:
        count = 0
        while not done.is_set():
            count += ledger.link()
        return count

    before = Event.objects.count()
    linked = at_once(*[lambda number=number: writer(number) for number in range(WRITERS)], linker, linker)[-2:]
    rest = ledger.link()
    written = set(Event.objects.values_list("id", flat=True))
    assert len(written) - before == WRITERS * (EACH - 9 + 10)
    assert sum(linked) + rest == len(written)
    assert set(LedgerLink.objects.values_list("event_id", flat=True)) == written
    assert list(LedgerLink.objects.order_by("id").values_list("id", flat=True)) == list(range(1, len(written) + 1))
    finding = ledger.verify(now=timezone.now())
    assert (finding.faults, finding.waiting) == ((), 0)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_an_event_that_commits_last_with_the_lowest_id_is_linked(crowd: World) -> None:
    ledger.link()
    wrote, may_commit = Flag(), Flag()

    def slow() -> int:
        with transaction.atomic():
            event = events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM)
            wrote.set()
            may_commit.wait(10)
        return event.pk

    def quick() -> list[int]:
        wrote.wait(10)
        later = [events.record(Event.Tag.CLIENT_UPDATED, actor=Event.Actor.SYSTEM).pk for _ in range(3)]
        assert ledger.link() == 3
        may_commit.set()
        return later

    late, later = at_once(slow, quick)
    assert late < min(later)
    assert ledger.link() == 1
    assert LedgerLink.objects.latest("id").event_id == late
    assert ledger.verify(now=timezone.now()).faults == ()


def test_after_these_tests_the_ledger_is_protected_and_has_its_row(crowd: World) -> None:
    """Their tables are emptied when they end: the way to do that leaves nothing open."""
    assert LedgerState.objects.get().is_open is False
    finding = ledger.verify(now=timezone.now())
    assert finding.faults == ()
    with laid_bare():
        assert ledger.verify(now=timezone.now()).faults != ()
