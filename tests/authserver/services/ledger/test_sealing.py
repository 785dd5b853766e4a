"""A month that is finished is sealed once, whole, by a key that the database alone does not give."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

from authserver import policy
from authserver.models import Event, LedgerLink, LedgerSeal
from authserver.services import ledger
from authserver.services.ledger import sealing
from authserver.services.receipts import keys
from tests.authserver.services.ledger.conftest import AUGUST, NOW, OCTOBER, SEPTEMBER, Chain, record
from tests.tampering import laid_bare

FIRST_OF_OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)


def months() -> list[str]:
    return [str(seal) for seal in LedgerSeal.objects.order_by("month")]


def test_a_month_that_goes_on_is_not_sealed(empty: None) -> None:
    record(SEPTEMBER, 3)
    assert ledger.seal(now=SEPTEMBER + timedelta(days=3)) == []
    assert ledger.seal(now=FIRST_OF_OCTOBER) == []
    assert ledger.seal(now=FIRST_OF_OCTOBER + policy.LEDGER_SEAL_DELAY - timedelta(seconds=1)) == []


def test_a_month_is_sealed_when_nothing_of_it_is_still_to_come(empty: None) -> None:
    record(SEPTEMBER, 3)
    (seal,) = ledger.seal(now=FIRST_OF_OCTOBER + policy.LEDGER_SEAL_DELAY)
    assert (str(seal), seal.first_link_id, seal.last_link_id, seal.event_count) == ("2026-09", 1, 3, 3)
    assert bytes(seal.hash) == bytes(LedgerLink.objects.get(pk=3).hash)


def test_it_is_sealed_once(empty: None) -> None:
    record(SEPTEMBER, 3)
    assert len(ledger.seal(now=OCTOBER)) == 1
    assert ledger.seal(now=OCTOBER) == []


def test_sealing_links_what_has_no_link_yet(empty: None) -> None:
    record(SEPTEMBER, 3)
    assert LedgerLink.objects.count() == 0
    assert ledger.seal(now=OCTOBER)[0].event_count == 3


def test_after_a_long_silence_every_month_with_events_gets_its_seal(empty: None) -> None:
    record(AUGUST, 2)
    record(OCTOBER, 2)
    ledger.seal(now=datetime(2027, 3, 1, 12, tzinfo=UTC))
    assert months() == ["2026-08", "2026-10"]
    first, second = LedgerSeal.objects.order_by("month")
    assert second.first_link_id == first.last_link_id + 1
    assert ledger.verify(now=NOW).faults == ()


def test_an_empty_ledger_has_nothing_to_seal(empty: None) -> None:
    assert ledger.seal(now=NOW) == []


def test_an_event_of_the_next_month_that_came_before_the_last_of_this_one_is_under_its_seal(empty: None) -> None:
    late = record(FIRST_OF_OCTOBER - timedelta(seconds=1))[0]
    early = record(FIRST_OF_OCTOBER + timedelta(seconds=1))[0]
    with laid_bare():
        Event.objects.filter(pk=late.pk).delete()
    ledger.link()
    late.save(force_insert=True)
    record(OCTOBER, 2)
    (seal,) = ledger.seal(now=OCTOBER + timedelta(days=1))
    assert (str(seal), seal.event_count) == ("2026-09", 2)
    assert set(LedgerLink.objects.filter(id__lte=2).values_list("event_id", flat=True)) == {late.pk, early.pk}
    assert ledger.verify(now=NOW).faults == ()


def test_the_signature_says_what_is_sealed_and_by_whom(chain: Chain, settings: object) -> None:
    seal = LedgerSeal.objects.get(month=date(2026, 9, 1))
    said = json.loads(keys.verify(seal.signature, typ=sealing.KIND) or b"{}")
    assert said == {
        "iss": "http://127.0.0.1:8000",
        "iat": int(seal.sealed_at.timestamp()),
        "month": "2026-09",
        "first_link_id": 6,
        "last_link_id": 11,
        "event_count": 6,
        "hash": bytes(seal.hash).hex(),
    }
    assert keys.verify(seal.signature, typ="secevent+jwt") is None


def test_a_seal_outlives_its_key(chain: Chain) -> None:
    years_later = datetime(2029, 1, 1, tzinfo=UTC)
    keys.turn(now=years_later - timedelta(days=2))
    keys.turn(now=years_later)
    assert ledger.verify(now=NOW).faults == ()


def test_a_seal_outlives_the_address_of_the_server(chain: Chain, settings: object) -> None:
    settings.ISSUER = "https://ai.example.com"  # type: ignore[attr-defined]
    assert ledger.verify(now=NOW).faults == ()


def test_sealing_is_told(chain: Chain) -> None:
    told = Event.objects.filter(tag="ledger:sealed").order_by("id")
    assert [event.detail["month"] for event in told] == ["2026-08", "2026-09"]
    assert {event.actor for event in told} == {"system"}


def test_months_follow_each_other_through_the_year() -> None:
    assert sealing.following(date(2026, 12, 1)) == date(2027, 1, 1)
    assert sealing.following(date(2026, 11, 1), 14) == date(2028, 1, 1)
    assert sealing.following(date(2026, 1, 1), 0) == date(2026, 1, 1)
