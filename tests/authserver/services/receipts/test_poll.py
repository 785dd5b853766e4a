"""Polling: what waits comes until it is acknowledged, and only the stream's own."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, Event, EventStream, SecurityEvent
from authserver.protocol.receipts.requests import POLL, PollRequest, StreamRequest
from authserver.services.receipts import keys, streams
from authserver.services.receipts.poll import Polled, answer
from tests.authserver.services.receipts.conftest import end, make
from tests.receivers import REVOKED, claims_of, kind_of
from tests.tampering import forget_events


def poll(stream: EventStream, **asked: Any) -> Polled:
    polled = answer(stream, PollRequest(**asked), now=timezone.now())
    assert polled is not None
    return polled


def test_what_is_not_acknowledged_comes_again_with_the_same_words(connection: Connection, polling: EventStream) -> None:
    end(connection)
    first, second = poll(polling), poll(polling)
    assert list(first.sets) == list(second.sets) == [str(SecurityEvent.objects.get().jti)]
    (one,), (two,) = first.sets.values(), second.sets.values()
    assert claims_of(one) == claims_of(two)
    assert kind_of(claims_of(one)) == REVOKED


def test_what_is_acknowledged_comes_no_more_and_its_time_is_kept(connection: Connection, polling: EventStream) -> None:
    end(connection)
    (jti,) = poll(polling).sets
    assert poll(polling, acknowledged=(jti,)) == Polled()
    heard_at = SecurityEvent.objects.get().acknowledged_at
    assert heard_at is not None
    poll(polling, acknowledged=(jti, jti))
    assert SecurityEvent.objects.get().acknowledged_at == heard_at  # the first time counts


@pytest.mark.parametrize("jti", ["", "x", "8f6f6a2e-0000-4000-8000-000000000000", "'; DROP TABLE", "0" * 64])
def test_an_unknown_acknowledgement_changes_nothing(connection: Connection, polling: EventStream, jti: str) -> None:
    end(connection)
    assert len(poll(polling, acknowledged=(jti,)).sets) == 1


def test_nobody_acknowledges_for_another_stream(connection: Connection, polling: EventStream) -> None:
    second = make(polling.resource_server, StreamRequest(POLL))
    end(connection)
    (jti,) = poll(polling).sets
    poll(second, acknowledged=(jti,))
    assert list(poll(polling).sets) == [jti]


def test_no_more_than_asked_for_come_oldest_first_and_the_answer_says_that_there_are_more(
    connection: Connection, polling: EventStream
) -> None:
    end(connection)
    streams.verify(polling, "state", now=timezone.now())
    first = poll(polling, events_max=1)
    (jti,) = first.sets
    assert first.more_available
    assert str(SecurityEvent.objects.get(event_id__isnull=False).jti) == jti
    assert poll(polling, events_max=0) == Polled({}, True)
    assert poll(polling, events_max=2).more_available is False


def test_a_verification_that_is_heard_makes_the_stream_verified_once(polling: EventStream) -> None:
    EventStream.objects.update(verified_at=None)
    forget_events()
    for _ in range(2):
        streams.verify(polling, "state", now=timezone.now())
        poll(polling, acknowledged=tuple(poll(polling).sets))
    assert [event.tag for event in Event.objects.exclude(tag="signing_key:created")] == ["stream:verified"]
    assert SecurityEvent.objects.count() == 0


def test_a_stream_that_never_understands_an_event_ends_and_its_server_starts_again(
    connection: Connection, polling: EventStream
) -> None:
    end(connection)
    (jti,) = poll(polling).sets
    for number in range(1, policy.EVENT_ATTEMPTS_MAX):
        assert list(poll(polling, errors=((jti, "invalid_key"),)).sets) == [jti], number
    assert answer(polling, PollRequest(errors=((jti, "invalid_key"),)), now=timezone.now()) is None
    letter = SecurityEvent.objects.get()
    assert (letter.error, letter.abandoned_at is None) == ("receiver_invalid_key", False)
    tags = list(Event.objects.order_by("-id").values_list("tag", flat=True)[:2])
    assert tags == ["stream:deleted", "security_event:abandoned"]


def test_an_empty_poll_costs_two_statements(polling: EventStream, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        poll(polling)


def test_keys_may_turn_while_a_stream_polls(connection: Connection, polling: EventStream) -> None:
    end(connection)
    now = timezone.now()
    before = poll(polling).sets
    keys.rotate(now=now)
    with time_machine.travel(now + policy.SIGNING_KEY_NOTICE, tick=False):
        keys.turn(now=timezone.now())
        after = poll(polling).sets
        (one,), (two,) = before.values(), after.values()
        assert one.partition(".")[0] != two.partition(".")[0]
        assert claims_of(one) == claims_of(two)  # both by published keys
