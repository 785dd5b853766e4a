"""A month goes when it is sealed, exported and old enough, in its order; the chain is verified from its seal on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from authserver.models import Event, LedgerLink, LedgerSeal, LedgerState
from authserver.services import ledger
from authserver.services.ledger import exporting, removal
from tests.authserver.services.ledger.conftest import NOW, Chain, record, sentences
from tests.tampering import laid_bare, run

AUGUST, SEPTEMBER, OCTOBER = (date(2026, month, 1) for month in (8, 9, 10))
LATER = datetime(2027, 1, 1, tzinfo=UTC)
Change = Callable[[list[bytes]], list[bytes]]


@pytest.fixture(autouse=True)
def _two_months_are_kept(settings: Any) -> None:
    settings.LEDGER_RETENTION_MONTHS = 2


def export(month: date) -> list[bytes]:
    return [told.line.encode() for told in exporting.of_month(month)]


def refused(month: date, file: list[bytes], now: datetime = LATER) -> str:
    events, links = Event.objects.count(), LedgerLink.objects.count()
    with pytest.raises(ledger.NotRemovable) as why:
        ledger.remove(month, file, now=now)
    assert (Event.objects.count(), LedgerLink.objects.count()) == (events, links)
    return str(why.value)


def test_a_month_goes_and_verification_goes_on_from_its_seal(chain: Chain) -> None:
    assert ledger.remove(AUGUST, export(AUGUST), now=LATER) == 5
    assert not Event.objects.filter(at__lt=datetime(2026, 9, 1, tzinfo=UTC), tag="connection:revoked").exists()
    assert LedgerLink.objects.earliest("id").pk == 6
    assert LedgerSeal.objects.count() == 2
    assert sentences() == []
    ledger.link()
    finding = ledger.verify(now=NOW)
    assert (finding.faults, finding.links, finding.number) == ((), 13, 18)


def test_the_next_month_goes_after_it(chain: Chain) -> None:
    ledger.remove(AUGUST, export(AUGUST), now=LATER)
    ledger.link()
    assert ledger.remove(SEPTEMBER, export(SEPTEMBER), now=LATER) == 6
    ledger.link()
    assert sentences() == []


def test_every_month_may_go_and_the_chain_goes_on(chain: Chain) -> None:
    for month in (AUGUST, SEPTEMBER):
        ledger.remove(month, export(month), now=LATER)
    with laid_bare():
        run("DELETE FROM authserver_event WHERE id = %s", chain[-1].pk)
    record(LATER, 2)
    ledger.link()
    assert LedgerLink.objects.latest("id").pk == 17 + 4


def test_the_event_tells_the_digest_of_the_file(chain: Chain) -> None:
    file = export(AUGUST)
    ledger.remove(AUGUST, file, now=LATER)
    event = Event.objects.get(tag="ledger:removed")
    assert event.actor == "system"
    assert event.detail == {"month": "2026-08", "events": 5, "file_sha256": sha256(b"".join(file)).hexdigest()}


def test_afterwards_the_ledger_is_closed_again(chain: Chain) -> None:
    ledger.remove(AUGUST, export(AUGUST), now=LATER)
    assert not LedgerState.objects.get().is_open
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.all().delete()


def test_what_is_changed_behind_a_removed_month_is_named(chain: Chain) -> None:
    ledger.remove(AUGUST, export(AUGUST), now=LATER)
    with laid_bare():
        run("UPDATE authserver_event SET handle = 'x' WHERE id = %s", chain[6].pk)
    assert sentences()[0].startswith(f"event {chain[6].pk} of 2026-09-05")


def test_without_a_retention_everything_is_kept(chain: Chain, settings: Any) -> None:
    settings.LEDGER_RETENTION_MONTHS = None
    assert refused(AUGUST, export(AUGUST)) == "LEDGER_RETENTION_MONTHS is not set: everything is kept."


def test_a_month_is_kept_as_long_as_was_decided(chain: Chain) -> None:
    assert refused(AUGUST, export(AUGUST), datetime(2026, 10, 31, 23, tzinfo=UTC)) == (
        "2026-08 is kept until 2026-11-01 (LEDGER_RETENTION_MONTHS=2)."
    )
    assert ledger.remove(AUGUST, export(AUGUST), now=datetime(2026, 11, 1, tzinfo=UTC)) == 5


@pytest.mark.parametrize("month", [SEPTEMBER, OCTOBER, date(2020, 1, 1)])
def test_months_go_in_their_order(chain: Chain, month: date) -> None:
    assert refused(month, export(month)) == "Months go in their order: 2026-08 is the oldest."


def test_a_month_without_seal_stays(empty: None) -> None:
    record(NOW, 3)
    ledger.link()
    assert refused(OCTOBER, export(OCTOBER)) == "No month that is sealed is left to remove."


def test_a_month_under_a_forged_seal_stays(chain: Chain) -> None:
    file = export(AUGUST)
    with laid_bare():
        run("UPDATE authserver_ledgerseal SET event_count = 4 WHERE month = '2026-08-01'")
    assert refused(AUGUST, file) == "The seal of 2026-08 is not ours: verify the ledger."


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [],
        lambda lines: lines[:-1],
        lambda lines: lines[1:],
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [line.replace(b'"acme"', b'"globex"') for line in lines],
        lambda lines: [line.replace(b'"link":1}', b'"link":"1"}') for line in lines],
        lambda lines: [b"{}\n", *lines[1:]],
        lambda lines: [b"[]\n", *lines[1:]],
        lambda lines: [b"\xff\xfe\n", *lines[1:]],
        lambda lines: [b"", *lines],
    ],
)
def test_a_file_that_is_not_the_whole_export_removes_nothing(chain: Chain, change: Change) -> None:
    assert "The file is not " in refused(AUGUST, change(export(AUGUST)))


def test_the_export_of_another_month_removes_nothing(chain: Chain) -> None:
    assert "link 1 is not in its place" in refused(AUGUST, export(SEPTEMBER))


def test_a_removal_that_breaks_off_removes_nothing(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **named: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(removal.events, "record", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        ledger.remove(AUGUST, export(AUGUST), now=LATER)
    assert Event.objects.count() == 17
    assert not LedgerState.objects.get().is_open
