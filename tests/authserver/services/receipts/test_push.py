"""Pushing, to a real server: what is taken, what is tried again, what is given up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, Event, EventStream, ResourceServer, SecurityEvent
from authserver.services.receipts import keys, push, streams
from tests.authserver.services.receipts.conftest import end, make_due, push_stream
from tests.people import World
from tests.receivers import REVOKED, VERIFICATION, Answer, Receiver, accept, claims_of, kind_of, receiving, status
from tests.tampering import forget_events

Status = EventStream.Status


def tags() -> list[str]:
    return list(Event.objects.order_by("id").values_list("tag", flat=True))


def test_an_end_is_pushed_as_a_signed_token_and_what_is_taken_is_acknowledged(
    connection: Connection, pushing: EventStream, receiver: Receiver
) -> None:
    end(connection)
    assert push.push_due() == 1
    ((path, headers, body),) = receiver.requests
    assert (path, headers["Content-Type"], headers["Accept"]) == (
        "/events", "application/secevent+jwt", "application/json",
    )  # fmt: skip
    assert "Authorization" not in headers
    claims = claims_of(body)
    event = SecurityEvent.objects.get()
    assert kind_of(claims) == REVOKED
    assert claims["sub_id"]["session"]["id"] == str(connection.pk)
    assert (claims["aud"], claims["jti"]) == (str(pushing.resource_server_id), str(event.jti))
    assert event.acknowledged_at is not None
    assert push.push_due() == 0


def test_nothing_due_asks_nothing_of_anybody(
    pushing: EventStream, receiver: Receiver, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(1):
        assert push.push_due() == 0
    assert receiver.requests == []


NOT_TAKEN: dict[str, tuple[Answer, str]] = {
    "a fault of its own": (status(500), "status_500"),
    "200 instead of 202": (status(200), "status_200"),
    "no such path": (status(404), "status_404"),
    "too much": (status(429), "status_429"),
    "400 without a word": (status(400), "status_400"),
    "400 with junk": (status(400, b"[" * 3_000), "status_400"),
    "400 with a list": (status(400, b"[1]"), "status_400"),
    "a key it does not know": (status(400, b'{"err":"invalid_key","description":"no"}'), "receiver_invalid_key"),
    "an error of its own making": (status(400, b'{"err":"<script>"}'), "receiver_other"),
    "broken off": (lambda request: request.connection.close(), "network_"),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_what_is_not_taken_is_tried_again_later(
    connection: Connection, pushing: EventStream, receiver: Receiver, name: str
) -> None:
    receiver.answer, error = NOT_TAKEN[name]
    end(connection)
    assert push.push_due() == 0
    event = SecurityEvent.objects.get()
    assert event.error.startswith(error)
    assert (event.attempts, event.acknowledged_at) == (1, None)
    assert event.next_attempt_at > timezone.now()
    assert push.push_due() == 0
    assert len(receiver.requests) == 1  # not before its time
    receiver.answer = accept
    make_due()
    assert push.push_due() == 1


def test_a_redirect_is_not_followed(connection: Connection, pushing: EventStream, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = status(307, b"", Location=elsewhere.url)
        end(connection)
        assert push.push_due() == 0
        assert elsewhere.requests == []
    assert SecurityEvent.objects.get().error == "status_307"


def test_a_server_that_is_gone_costs_one_failure(
    connection: Connection, server: ResourceServer, receiver: Receiver
) -> None:
    with receiving() as gone:
        push_stream(server, gone)
    push_stream(server, receiver)
    end(connection)
    assert push.push_due() == 1
    assert SecurityEvent.objects.get(acknowledged_at=None).error.startswith("network_")


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_server_that_keeps_us_waiting_is_left_after_the_deadline_and_holds_up_nobody_else(
    connection: Connection, server: ResourceServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(policy, "PUSH_DEADLINE_SECONDS", 2.0)
    with receiving() as slow:
        slow.answer = getattr(slow, how)
        push_stream(server, slow)
        push_stream(server, receiver)
        end(connection)
        began = time.monotonic()
        assert push.push_due() == 1
        assert time.monotonic() - began < 20  # of the 30 that it keeps us waiting
    heard = SecurityEvent.objects.get(acknowledged_at__isnull=False)
    assert (heard.acknowledged_at - heard.created_at).total_seconds() < 2.0  # before the slow one was given up
    assert SecurityEvent.objects.get(acknowledged_at=None).attempts == 1


def test_pauses_grow_with_each_failure_and_differ_by_chance() -> None:
    from authserver.services.receipts.delivery import pause_after

    for attempts in range(1, policy.EVENT_ATTEMPTS_MAX):
        longest = min(policy.EVENT_RETRY * 2 ** (attempts - 1), policy.EVENT_RETRY_MAX)
        found = [pause_after(attempts) for _ in range(50)]
        assert longest / 2 <= min(found) < max(found) <= longest


def exhaust() -> None:
    for _ in range(policy.EVENT_ATTEMPTS_MAX):
        make_due()
        push.push_due()


def test_after_the_last_try_it_is_given_up_and_the_stream_pauses_until_it_is_verified_again(
    connection: Connection, pushing: EventStream, receiver: Receiver
) -> None:
    receiver.answer = status(500)
    end(connection)
    forget_events()
    exhaust()
    letter = SecurityEvent.objects.get()
    assert letter.abandoned_at is not None
    assert letter.attempts == policy.EVENT_ATTEMPTS_MAX
    pushing.refresh_from_db()
    assert (pushing.status, pushing.verified_at) == (Status.PAUSED, None)
    event = Event.objects.get(tag="security_event:abandoned")
    assert event.detail == {
        "stream": str(pushing.pk),
        "resource_server": str(pushing.resource_server_id),
        "count": 1,
        "error": "status_500",
    }
    receiver.answer = accept
    streams.verify(pushing, "again", now=timezone.now())
    assert push.push_due() == 1
    pushing.refresh_from_db()
    assert (pushing.status, pushing.verified_at is None) == (Status.ENABLED, False)
    assert "stream:verified" in tags()


def test_a_paused_stream_is_owed_nothing(connection: Connection, pushing: EventStream, receiver: Receiver) -> None:
    EventStream.objects.update(status=Status.PAUSED)
    end(connection)
    assert SecurityEvent.objects.count() == 0
    assert push.push_due() == 0
    assert receiver.requests == []


def test_a_verification_never_passes_an_event_that_was_not_heard(
    connection: Connection, pushing: EventStream, receiver: Receiver
) -> None:
    """Otherwise a server that refuses its events would be told that its stream works, and go on remembering."""

    def only_verifications(request: Any) -> None:
        kind = kind_of(json.loads(keys.verify(receiver.tokens[-1], typ="secevent+jwt") or b""))
        (accept if kind == VERIFICATION else status(400))(request)

    receiver.answer = status(400)
    end(connection)
    streams.verify(pushing, "state", now=timezone.now())
    push.push_due()
    make_due()
    push.push_due()
    assert {kind_of(claims_of(token)) for token in receiver.tokens} == {REVOKED}
    assert SecurityEvent.objects.filter(event_id=None).count() == 1


def test_a_verification_asked_again_takes_the_place_of_the_one_that_waits(
    pushing: EventStream, receiver: Receiver
) -> None:
    for state in ("one", "two", "three"):
        streams.verify(pushing, state, now=timezone.now())
    assert push.push_due() == 1
    (token,) = receiver.tokens
    assert claims_of(token)["events"] == {VERIFICATION: {"state": "three"}}
    assert claims_of(token)["sub_id"] == {"format": "opaque", "id": str(pushing.pk)}
    assert SecurityEvent.objects.count() == 0  # it did its work


def test_what_comes_in_while_a_stream_is_served_is_sent_in_the_same_run(
    connection: Connection, pushing: EventStream, receiver: Receiver
) -> None:
    streams.verify(pushing, "first", now=timezone.now())
    waiting = push._take(now=timezone.now())  # as another run has it in its hands
    end(connection)
    assert push.push_due() == 0  # nothing overtakes what that run has
    (batch,) = waiting
    push._settle(batch, push._send(batch, time.monotonic() + 5), now=timezone.now())
    assert push.push_due() == 1
    assert [kind_of(claims_of(token)) for token in receiver.tokens] == [VERIFICATION, REVOKED]


def test_a_run_whose_time_is_over_asks_for_the_next(
    connection: Connection, pushing: EventStream, receiver: Receiver, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:  # fmt: skip
    end(connection)
    monkeypatch.setattr(policy, "PUSH_RUN_SECONDS", 0.0)
    with django_capture_on_commit_callbacks() as asked:
        assert push.push_due() == 0
    assert len(asked) == 1
    monkeypatch.undo()
    with django_capture_on_commit_callbacks() as asked:
        assert push.push_due() == 1
    assert asked == []


def test_what_a_lost_run_took_is_sent_again_when_its_lease_is_over(
    connection: Connection, pushing: EventStream, receiver: Receiver
) -> None:
    end(connection)
    assert push._take(now=timezone.now())
    assert push._take(now=timezone.now()) == []
    assert push._take(now=timezone.now() + policy.PUSH_LEASE)


def test_a_stream_whose_endpoint_is_no_longer_its_servers_ends(
    connection: Connection, pushing: EventStream, receiver: Receiver
) -> None:
    end(connection)
    ResourceServer.objects.update(event_origins="")
    assert push.push_due() == 0
    assert receiver.requests == []
    pushing.refresh_from_db()
    assert pushing.status == Status.ENDED


@pytest.mark.parametrize("change", [{"is_active": False}])
def test_a_resource_server_that_was_switched_off_is_told_nothing(
    connection: Connection, pushing: EventStream, receiver: Receiver, change: dict[str, Any]
) -> None:
    end(connection)
    ResourceServer.objects.update(**change)
    assert push.push_due() == 0
    assert receiver.requests == []


def test_a_resource_server_removed_under_a_push_is_no_error(
    connection: Connection, server: ResourceServer, pushing: EventStream, receiver: Receiver,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:  # fmt: skip
    end(connection)
    (batch,) = push._take(now=timezone.now())
    server.delete()
    with pytest.raises(EventStream.DoesNotExist):
        push._settle(batch, push.Sent((batch.tokens[0][0],)), now=timezone.now())
    assert push.push_due() == 0


def test_no_credential_stands_in_anything_that_is_pushed(
    world: World, connection: Connection, pushing: EventStream, receiver: Receiver
) -> None:
    streams.verify(pushing, "state", now=timezone.now())
    end(connection)
    push.push_due()
    told = json.dumps([claims_of(token) for token in receiver.tokens]) + json.dumps(receiver.requests)
    for prefix in ("mcpv1_", "mcprt_", "rss_", "mcs_", "pat_", "alice@", world.asker.secret):
        assert prefix not in told
