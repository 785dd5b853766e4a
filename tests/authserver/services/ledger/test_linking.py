"""Every event gets one place in the chain, in the order in which it came to be seen."""

from __future__ import annotations

import pytest
from django.db import transaction

from authserver import policy
from authserver.models import Event, LedgerLink, LedgerState
from authserver.services import ledger
from authserver.services.ledger import chain, linking
from tests.authserver.services.ledger.conftest import AUGUST, NOW, record
from tests.tampering import laid_bare


def places() -> list[int]:
    return list(LedgerLink.objects.order_by("id").values_list("event_id", flat=True))


def test_events_are_linked_in_the_order_of_their_ids_and_only_once(empty: None) -> None:
    made = record(AUGUST, 5)
    assert ledger.link() == 5
    assert places() == [event.pk for event in made]
    assert ledger.link() == 0
    assert list(LedgerLink.objects.order_by("id").values_list("id", flat=True)) == [1, 2, 3, 4, 5]


def test_a_link_covers_the_one_before_it_and_its_event(empty: None) -> None:
    digest = chain.GENESIS
    for event in record(AUGUST, 3):
        ledger.link()
        content = chain.canonical({name: getattr(event, name) for name in chain.COLUMNS})
        digest = chain.link_hash(digest, content)
        assert bytes(LedgerLink.objects.get(event_id=event.pk).hash) == digest


def test_an_event_that_committed_late_is_linked_behind_those_that_did_not(empty: None) -> None:
    """Its id is lower: ids are given before the commit."""
    first, late, last = record(AUGUST, 3)
    with laid_bare():
        Event.objects.filter(pk=late.pk).delete()
    ledger.link()
    late.save(force_insert=True)
    assert ledger.link() == 1
    assert places() == [first.pk, last.pk, late.pk]
    assert ledger.verify(now=NOW).faults == ()


def test_how_far_back_is_looked_is_bounded(empty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "LEDGER_LOOK_BACK", 3)
    made = record(AUGUST, 8)
    with laid_bare():
        Event.objects.filter(pk__in=[made[0].pk, made[5].pk]).delete()
    ledger.link()
    made[0].save(force_insert=True)
    made[5].save(force_insert=True)
    assert ledger.link() == 1
    assert ledger.link(everywhere=True) == 1
    assert places()[-2:] == [made[5].pk, made[0].pk]


def test_many_are_linked_in_batches_of_a_transaction_each(empty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "BATCH", 2)
    record(AUGUST, 5)
    assert ledger.link() == 5
    assert ledger.verify(now=NOW).faults == ()


@pytest.mark.parametrize("everywhere", [False, True])
def test_one_run_of_the_clock_ends(empty: None, monkeypatch: pytest.MonkeyPatch, everywhere: bool) -> None:
    monkeypatch.setattr(linking, "BATCH", 2)
    monkeypatch.setattr(policy, "LEDGER_LINKS_PER_RUN", 4)
    record(AUGUST, 9)
    assert ledger.link(everywhere=everywhere) == (9 if everywhere else 4)


def test_an_act_that_is_rolled_back_leaves_no_link(empty: None) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        record(AUGUST)
        ledger.link()
        raise RuntimeError
    assert ledger.link() == 0
    assert ledger.verify(now=NOW).faults == ()


def test_without_its_one_row_nothing_is_linked(empty: None) -> None:
    record(AUGUST)
    LedgerState.objects.all().delete()
    with pytest.raises(LedgerState.DoesNotExist):
        ledger.link()
