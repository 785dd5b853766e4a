"""Whatever is done to the ledger behind its triggers, verification names the first row of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from authserver.models import Event, LedgerLink, LedgerSeal, LedgerState
from authserver.services import ledger
from authserver.services.ledger import chain as rules
from authserver.services.ledger import linking, reading, verification
from tests.authserver.services.ledger.conftest import NOW, SEPTEMBER, Chain, record, sentences
from tests.tampering import laid_bare, run

pytestmark = pytest.mark.covers("ask:13")

EVENT, LINK, SEAL = "authserver_event", "authserver_ledgerlink", "authserver_ledgerseal"
# Each column, and what an intruder writes into it. `id` has a test of its own.
CHANGES = {
    "at": "2026-09-05 12:00:01.000001+00:00",
    "tag": "connection:approved",
    "actor": "person",
    "actor_id": "x",
    "person_id": "00000000000000000000000000000008",
    "client_id": "x",
    "handle": "globex",
    "connection_id": "00000000000000000000000000000001",
    "address": "203.0.113.8",
    "request_id": "another",
    "detail": '{"reason": "persons"}',
}


def tamper(statement: str, *values: object) -> None:
    with laid_bare():
        run(statement, *values)


def change(event: Event, column: str, value: object) -> None:
    tamper(f"UPDATE {EVENT} SET {column} = %s WHERE id = %s", value, event.pk)


def named(event: Event) -> str:
    return f"event {event.pk} of {event.at:%Y-%m-%d} ({event.tag})"


def test_a_ledger_as_it_was_written_passes(chain: Chain) -> None:
    finding = ledger.verify(now=NOW)
    assert finding.faults == ()
    assert (finding.links, finding.number, finding.waiting) == (17, 17, 0)
    assert finding.head == bytes(chain.link(-1).hash)


def test_an_empty_ledger_passes(empty: None) -> None:
    assert ledger.verify(now=NOW).faults == ()
    assert ledger.verify(now=NOW).head == bytes(32)


def test_every_column_of_an_event_has_its_change_here() -> None:
    columns = {field.attname for field in Event._meta.fields}
    assert columns == {*CHANGES, "id"} == set(rules.COLUMNS)


@pytest.mark.parametrize("column", sorted(set(CHANGES) - {"at", "tag"}))
@pytest.mark.parametrize("place", [0, 4, 7, 15])
def test_a_changed_column_is_named(chain: Chain, column: str, place: int) -> None:
    change(chain[place], column, CHANGES[column])
    assert sentences() == [f"{named(chain[place])} was changed after it was written"]


def test_a_changed_time_is_named(chain: Chain) -> None:
    at = chain[7].at + timedelta(microseconds=1)
    tamper(f"UPDATE {EVENT} SET at = %s WHERE id = %s", at, chain[7].pk)
    assert sentences() == [f"{named(chain[7])} was changed after it was written"]


def test_a_changed_tag_is_named_with_the_tag_that_it_says_now(chain: Chain) -> None:
    change(chain[7], "tag", CHANGES["tag"])
    assert sentences() == [f"event {chain[7].pk} of 2026-09-05 (connection:approved) was changed after it was written"]


def test_an_emptied_column_is_named(chain: Chain) -> None:
    change(chain[7], "person_id", None)
    assert sentences() == [f"{named(chain[7])} was changed after it was written"]


def test_two_changed_events_are_both_named(chain: Chain) -> None:
    for place in (3, 9):
        change(chain[place], "handle", "globex")
    assert sentences() == [f"{named(chain[place])} was changed after it was written" for place in (3, 9)]


def test_neighbours_that_were_changed_are_both_named(chain: Chain) -> None:
    for place in (7, 8):
        change(chain[place], "handle", "globex")
    assert sentences() == [f"{named(chain[place])} was changed after it was written" for place in (7, 8)]


def test_of_the_last_event_nothing_behind_it_tells_whether_it_or_its_link_was_changed(chain: Chain) -> None:
    change(chain[-1], "handle", "globex")
    assert sentences() == [f"{named(chain[-1])} or its link 17 was changed after it was written"]


def test_the_last_event_under_a_seal_is_told_by_the_seal(chain: Chain) -> None:
    seal = LedgerSeal.objects.latest("month")
    event = Event.objects.get(pk=LedgerLink.objects.get(pk=seal.last_link_id).event_id)
    with laid_bare():
        run(f"DELETE FROM {LINK} WHERE id > %s", seal.last_link_id)
        run(f"DELETE FROM {EVENT} WHERE id > %s AND tag <> 'ledger:sealed'", event.pk)
        run(f"UPDATE {EVENT} SET handle = 'globex' WHERE id = %s", event.pk)
    assert sentences()[0] == f"{named(event)} was changed after it was written"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's columns hold what they are for only")
@pytest.mark.parametrize(("column", "value"), [("at", "soon"), ("at", "2026-13-45 00:00:00"), ("person_id", "x")])
def test_an_event_that_cannot_be_read_any_more_is_named(chain: Chain, column: str, value: str) -> None:
    change(chain[7], column, value)
    assert sentences()[0].startswith(f"event {chain[7].pk}")
    assert "was changed after it was written" in sentences()[0]
    assert len(sentences()) == 1


def test_a_removed_event_is_named(chain: Chain) -> None:
    tamper(f"DELETE FROM {EVENT} WHERE id = %s", chain[7].pk)
    assert sentences() == [
        f"event {chain[7].pk} is missing: it was removed after it was written "
        f"(link {chain.link(7).pk}, behind event {chain[6].pk} of 2026-09-05)"
    ]


def test_the_very_first_event_is_missed_too(chain: Chain) -> None:
    tamper(f"DELETE FROM {EVENT} WHERE id = %s", chain[0].pk)
    assert sentences() == [f"event {chain[0].pk} is missing: it was removed after it was written (link 1)"]


def test_an_event_removed_with_its_link_is_missed(chain: Chain) -> None:
    link = chain.link(7)
    with laid_bare():
        run(f"DELETE FROM {EVENT} WHERE id = %s", chain[7].pk)
        run(f"DELETE FROM {LINK} WHERE id = %s", link.pk)
    assert sentences() == [f"link {link.pk} is missing: events were removed with their links"]


def test_a_removed_link_is_missed(chain: Chain) -> None:
    link = chain.link(7)
    tamper(f"DELETE FROM {LINK} WHERE id = %s", link.pk)
    assert sentences()[0] == f"link {link.pk} is missing: events were removed with their links"


def test_a_removed_beginning_is_missed(chain: Chain) -> None:
    tamper(f"DELETE FROM {LINK} WHERE id <= 3")
    assert sentences()[0] == "the links 1 to 3 are missing: events were removed with their links"


def test_a_month_that_is_gone_without_a_word_is_missed(chain: Chain) -> None:
    """As retention removes it, but nothing in the chain tells of it."""
    seal = LedgerSeal.objects.earliest("month")
    with laid_bare():
        run(f"DELETE FROM {EVENT} WHERE id IN (SELECT event_id FROM {LINK} WHERE id <= %s)", seal.last_link_id)
        run(f"DELETE FROM {LINK} WHERE id <= %s", seal.last_link_id)
    assert sentences() == ["the events of 2026-08 and before are missing, and no ledger:removed tells of it"]


def test_an_event_put_in_behind_the_chain_is_named_before_it_is_linked_and_after(chain: Chain) -> None:
    (intruder,) = record(SEPTEMBER + timedelta(minutes=1))
    expected = f"{named(intruder)} was inserted behind the chain: events of 2026-10-06 were there before it"
    finding = ledger.verify(now=NOW)
    assert ([fault.sentence for fault in finding.faults], finding.waiting) == ([expected], 0)
    ledger.link(everywhere=True)
    assert sentences() == [expected]


def test_an_event_under_an_id_that_was_free_is_found_wherever_that_is(chain: Chain) -> None:
    (intruder,) = record(SEPTEMBER)
    change(intruder, "id", -5)
    assert sentences() == [
        "event -5 of 2026-09-05 (connection:revoked) was inserted behind the chain: "
        "events of 2026-10-06 were there before it"
    ]


def test_an_event_that_was_given_another_id_is_missed(chain: Chain) -> None:
    change(chain[7], "id", 1_000_000)
    assert sentences()[0].startswith(f"event {chain[7].pk} is missing")


def test_events_of_this_moment_wait_for_their_link(chain: Chain) -> None:
    record(NOW, 3)
    finding = ledger.verify(now=NOW)
    assert (finding.faults, finding.waiting) == ((), 3)


def test_a_changed_hash_of_a_link_is_not_taken_for_a_changed_event(chain: Chain) -> None:
    link = chain.link(7)
    tamper(f"UPDATE {LINK} SET hash = %s WHERE id = %s", bytes(32), link.pk)
    assert sentences() == [f"the link of {named(chain[7])} was changed after it was written (link {link.pk})"]


def test_a_changed_hash_under_a_seal_is_told_by_the_seal(chain: Chain) -> None:
    link = LedgerLink.objects.get(pk=LedgerSeal.objects.earliest("month").last_link_id)
    tamper(f"UPDATE {LINK} SET hash = %s WHERE id = %s", bytes(32), link.pk)
    event = Event.objects.get(pk=link.event_id)
    assert sentences() == [f"the link of {named(event)} was changed after it was written (link {link.pk})"]


def test_swapped_links_are_named(chain: Chain) -> None:
    first, second = chain.link(6), chain.link(8)
    with laid_bare():
        run(f"UPDATE {LINK} SET event_id = -1 WHERE id = %s", first.pk)
        run(f"UPDATE {LINK} SET event_id = %s WHERE id = %s", first.event_id, second.pk)
        run(f"UPDATE {LINK} SET event_id = %s WHERE id = %s", second.event_id, first.pk)
    assert sentences() == [
        f"the link of {named(chain[right])} was changed after it was written "
        f"(link {link.pk}: it names event {chain[wrong].pk})"
        for right, wrong, link in ((6, 8, first), (8, 6, second))
    ]


def test_links_that_changed_places_are_named(chain: Chain) -> None:
    first, second = chain.link(6), chain.link(7)
    with laid_bare():
        for before, after in ((first.pk, 1_000), (second.pk, first.pk), (1_000, second.pk)):
            run(f"UPDATE {LINK} SET id = %s WHERE id = %s", after, before)
    assert f"link {first.pk}" in sentences()[0] or named(chain[7]) in sentences()[0]


def test_a_link_to_an_event_that_never_was_is_named(chain: Chain) -> None:
    link = chain.link(7)
    tamper(f"UPDATE {LINK} SET event_id = 999999 WHERE id = %s", link.pk)
    assert sentences()[0] == (
        f"the link of {named(chain[7])} was changed after it was written (link {link.pk}: it names event 999999)"
    )


def test_a_link_put_before_the_chain_hides_no_event(chain: Chain) -> None:
    (intruder,) = record(SEPTEMBER)
    with laid_bare():
        run(f"INSERT INTO {LINK} (id, event_id, hash) VALUES (-1, %s, %s)", intruder.pk, bytes(32))
    assert sentences()[0] == "link -1 was put before the chain, which begins with link 1"


# --- Seals


def forge(**columns: object) -> Callable[[], None]:
    def act() -> None:
        for column, value in columns.items():
            tamper(f"UPDATE {SEAL} SET {column} = %s WHERE month = '2026-08-01'", value)

    return act


@pytest.mark.parametrize(
    "act",
    [
        forge(hash=bytes(32)),
        forge(event_count=4),
        forge(first_link_id=2),
        forge(last_link_id=4),
        forge(sealed_at=NOW),
        forge(signature="e30.e30.e30"),
        forge(signature=""),
    ],
)
def test_a_changed_seal_is_named(chain: Chain, act: Callable[[], None]) -> None:
    act()
    assert sentences()[0] == ("the seal of 2026-08 was changed: its signature is not ours, or covers something else")


def test_a_seal_with_the_signature_of_another_is_named(chain: Chain) -> None:
    other = LedgerSeal.objects.latest("month").signature
    tamper(f"UPDATE {SEAL} SET signature = %s WHERE month = '2026-08-01'", other)
    assert sentences()[0].startswith("the seal of 2026-08 was changed")


@pytest.mark.parametrize("month", ["2026-08", "2026-09"])
def test_a_removed_seal_is_missed(chain: Chain, month: str) -> None:
    tamper(f"DELETE FROM {SEAL} WHERE month = %s", f"{month}-01")
    assert f"the seal of {month} is missing: it was removed after it was written" in sentences()


def write_anew(after: int) -> None:
    """Compute every link behind this one again, as who can write everything but has no key would."""
    (digest,) = LedgerLink.objects.filter(pk=after).values_list("hash", flat=True)
    digest = bytes(digest)
    with laid_bare():
        for linked in reading.links(after=after):
            assert linked.content is not None
            digest = rules.link_hash(digest, linked.content)
            run(f"UPDATE {LINK} SET hash = %s WHERE id = %s", digest, linked.link_id)


def test_a_tail_written_anew_does_not_lead_to_its_seal(chain: Chain) -> None:
    change(chain[1], "handle", "globex")
    write_anew(1)
    assert sentences() == [
        f"the chain does not lead to the seal of 2026-{month}: what it sealed was written anew"
        for month in ("08", "09")
    ]


def test_a_tail_written_anew_behind_the_last_seal_is_noticed_by_a_hash_that_was_noted_outside(chain: Chain) -> None:
    head = bytes(chain.link(-1).hash).hex()
    change(chain[-3], "handle", "globex")
    write_anew(chain.link(-4).pk)
    assert sentences() == []
    assert sentences(head) == [f"the chain never had the hash {head}: it was written anew, or cut off before it"]
    assert sentences(head.upper()) == sentences(head)


def test_a_tail_that_was_cut_off_is_noticed_by_a_hash_that_was_noted_outside(chain: Chain) -> None:
    head = bytes(chain.link(-1).hash).hex()
    assert sentences(head) == []
    with laid_bare():
        for event, link in [(chain[place], chain.link(place)) for place in (-1, -2)]:
            run(f"DELETE FROM {EVENT} WHERE id = %s", event.pk)
            run(f"DELETE FROM {LINK} WHERE id = %s", link.pk)
    assert sentences() == []
    assert sentences(head) != []


def test_a_tail_that_was_cut_off_before_its_seal_is_missed(chain: Chain) -> None:
    last = LedgerSeal.objects.latest("month").last_link_id
    with laid_bare():
        run(f"DELETE FROM {EVENT} WHERE id IN (SELECT event_id FROM {LINK} WHERE id >= %s)", last - 1)
        run(f"DELETE FROM {LINK} WHERE id >= %s", last - 1)
    assert f"the links {last - 1} to {last} are missing: events were removed with their links" in sentences()


def test_any_hash_that_the_chain_once_ended_with_is_known(chain: Chain) -> None:
    for place in (0, 7, -1):
        assert sentences(bytes(chain.link(place).hash).hex()) == []


# --- How it goes about it


def test_it_is_remembered_when_it_was_and_what_it_found(chain: Chain) -> None:
    change(chain[7], "handle", "globex")
    ledger.verify(now=NOW)
    state = LedgerState.objects.get()
    assert (state.verified_at, state.verified_link_id) == (NOW, 17)
    assert state.fault == f"{named(chain[7])} was changed after it was written"
    tamper(f"UPDATE {EVENT} SET handle = 'acme' WHERE id = %s", chain[7].pk)
    ledger.verify(now=NOW)
    assert LedgerState.objects.get().fault == ""


def test_missing_triggers_are_a_fault(chain: Chain) -> None:
    with laid_bare():
        assert sentences() == [f"the triggers are missing that protect {EVENT}, {LINK}, {SEAL}"]
    assert sentences() == []


def test_it_stops_after_so_many_faults(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "FAULTS_MAX", 2)
    tamper(f"UPDATE {EVENT} SET handle = 'globex'")
    assert len(sentences()) == 2


def test_batches_do_not_show(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 3)
    monkeypatch.setattr(verification, "STEP", 5)
    told: list[tuple[int, int]] = []
    assert ledger.verify(now=NOW, progress=lambda *how: told.append(how)).links == 17
    assert told == [(5, 17), (10, 17), (15, 17)]
    change(chain[7], "handle", "globex")
    assert sentences() == [f"{named(chain[7])} was changed after it was written"]


def test_what_is_written_meanwhile_changes_nothing(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "STEP", 1)

    def goes_on(done: int, last: int) -> None:
        if done < 5:
            record(NOW)
            linking.link()

    with transaction.atomic():
        finding = ledger.verify(now=NOW, progress=goes_on)
    assert (finding.faults, finding.links) == ((), 21)
