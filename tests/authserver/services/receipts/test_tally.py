"""Receipts for people: who counts, and what is said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, Event, EventStream, SecurityEvent
from authserver.protocol.receipts.requests import POLL, StreamRequest
from authserver.services import receipts
from authserver.services.receipts import tally
from authserver.services.receipts.tally import Tally, What
from tests.authserver.services.receipts.conftest import end, make


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Tally(), "Access is refused everywhere at once (no server remembers answers)."),
        (Tally(3, 3, 140), "Access is refused everywhere after 140 ms (3 of 3 servers)."),
        (Tally(1, 1, 7), "Access is refused everywhere after 7 ms (1 of 1 server)."),
        (
            Tally(2, 3, 140, 2),
            "2 of 3 servers have confirmed; the other asks us for every request again within 2 seconds.",
        ),
        (
            Tally(1, 3, 140, 5),
            "1 of 3 servers has confirmed; the other 2 ask us for every request again within 5 seconds.",
        ),
        (
            Tally(0, 1, 0, 2),
            "0 of 1 server have confirmed; the other asks us for every request again within 2 seconds.",
        ),
    ],
)
def test_the_sentence(found: Tally, said: str) -> None:
    assert found.told(What.ENDED) == said


def heard(stream: EventStream, *, after: timedelta) -> None:
    for owed in SecurityEvent.objects.filter(stream=stream):
        owed.acknowledged_at = owed.created_at + after
        owed.save()


def test_the_slowest_server_counts(connection: Connection, polling: EventStream) -> None:
    second = make(polling.resource_server, StreamRequest(POLL))
    end(connection)
    heard(polling, after=timedelta(milliseconds=20))
    heard(second, after=timedelta(milliseconds=140))
    assert receipts.sentence([connection]) == "Access is refused everywhere after 140 ms (2 of 2 servers)."


def test_a_server_that_does_not_answer_is_named_as_one_that_stops_remembering_by_itself(
    connection: Connection, polling: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(polling.resource_server, StreamRequest(POLL))
    end(connection)
    heard(polling, after=timedelta(milliseconds=20))
    ids = list(Event.objects.filter(tag="connection:revoked").values_list("pk", flat=True))
    found = tally.wait_for(ids, seconds=0.05)
    assert found == Tally(1, 2, 20, policy.POLL_FRESHNESS_SECONDS)


@pytest.mark.parametrize("change", [{"verified_at": None}, {"last_contact_at": None}])
def test_a_stream_that_cannot_have_remembered_anything_does_not_count(
    connection: Connection, polling: EventStream, change: dict[str, None]
) -> None:
    EventStream.objects.update(**change)
    end(connection)
    assert receipts.sentence([connection]).startswith("Access is refused everywhere at once")


def test_nor_does_one_that_was_silent_for_so_long_that_its_server_asks_every_time(
    connection: Connection, polling: EventStream
) -> None:
    EventStream.objects.update(last_contact_at=timezone.now() - timedelta(seconds=60))
    end(connection)
    assert receipts.sentence([connection]).startswith("Access is refused everywhere at once")
    EventStream.objects.update(last_contact_at=timezone.now())
    heard(polling, after=timedelta(milliseconds=20))
    assert "1 of 1" in receipts.sentence([connection])


def test_nothing_that_ended_is_refused_at_once(db: None) -> None:
    assert tally.wait_for([]).told(What.ENDED) == "Access is refused everywhere at once (no server remembers answers)."


def test_several_connections_make_one_sentence(connection: Connection, polling: EventStream) -> None:
    end(connection)
    heard(polling, after=timedelta(milliseconds=30))
    assert receipts.sentence([connection, connection]) == ("Access is refused everywhere after 30 ms (1 of 1 server).")
    assert receipts.sentence([]).startswith("Access is refused everywhere at once")


def test_waiting_ends_as_soon_as_all_have_heard(connection: Connection, polling: EventStream) -> None:
    end(connection)
    heard(polling, after=timedelta(milliseconds=30))
    ids = list(Event.objects.filter(tag="connection:revoked").values_list("pk", flat=True))
    assert tally.wait_for(ids, seconds=3600).is_complete
