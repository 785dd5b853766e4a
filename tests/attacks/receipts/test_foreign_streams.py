"""A resource server that goes bad: it wants others' events, others' silence, or our connections to places of its
choice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, EventStream, SecurityEvent
from authserver.services import connections
from tests.people import App, World
from tests.receivers import POLL, PUSH, Stream, send


@pytest.fixture
def connection(world: World, chatgpt: App) -> Connection:
    world.connect(world.alice, chatgpt, handle="acme")
    return Connection.objects.get()


def end(connection: Connection) -> None:
    connections.revoke(connection, reason=Connection.EndReason.PERSON, now=timezone.now())


def test_another_servers_stream_is_not_there(world: World, connection: Connection) -> None:
    stream = Stream.open(world.asker)
    end(connection)
    thief = Stream(world.other_asker, stream.id)
    assert thief.ask().status_code == 404
    where = f"/oauth/events/stream?stream_id={stream.id}"
    assert send(world.other_asker, "GET", where).status_code == 404
    assert send(world.other_asker, "DELETE", where).status_code == 404
    asked = {"stream_id": stream.id, "state": "mine"}
    assert send(world.other_asker, "POST", "/oauth/events/verify", asked).status_code == 404
    assert send(world.other_asker, "GET", "/oauth/events/stream").json() == []
    assert len(stream.hear()) == 1


def test_acknowledging_anothers_events_silences_nothing(world: World, connection: Connection) -> None:
    stream, bad = Stream.open(world.asker), Stream.open(world.other_asker)
    end(connection)
    (jti,) = stream.poll()["sets"]
    bad.acknowledge(jti)
    for _ in range(policy.EVENT_ATTEMPTS_MAX + 1):
        bad.poll(setErrs={jti: {"err": "invalid_key"}})
    assert list(stream.poll()["sets"]) == [jti]
    assert SecurityEvent.objects.get().attempts == 0


def test_a_replayed_acknowledgement_is_nothing_new(world: World, connection: Connection) -> None:
    stream = Stream.open(world.asker)
    end(connection)
    (jti,) = stream.poll()["sets"]
    stream.acknowledge(jti)
    before = SecurityEvent.objects.values().get()
    for _ in range(3):
        stream.poll(ack=[jti] * 500, setErrs={jti: {"err": "invalid_key"}})
    assert SecurityEvent.objects.values().get() == before


def test_a_giant_acknowledgement_is_refused_and_a_large_one_is_cheap(
    world: World, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    stream = Stream.open(world.asker)
    end(connection)
    (jti,) = stream.poll()["sets"]
    too_many = [f"8f6f6a2e-0000-4000-8000-{number:012}" for number in range(policy.EVENT_ACKNOWLEDGEMENTS_MAX + 1)]
    assert stream.ask(ack=too_many).status_code == 400
    assert SecurityEvent.objects.get().acknowledged_at is None
    with django_assert_max_num_queries(10):
        stream.poll(ack=[*too_many[:-2], jti])
    assert SecurityEvent.objects.get().acknowledged_at is not None


def test_nobody_hears_of_connections_at_endpoints_of_others(world: World, connection: Connection) -> None:
    bad = Stream.open(world.other_asker)
    end(connection)
    assert bad.hear() == []
    assert SecurityEvent.objects.count() == 0


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:6379/",
        "http://127.0.0.1:8000/oauth/revoke",
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://[::1]:8001/events",
        "http://0.0.0.0:8001/events",
        "http://2130706433:8001/events",
        "http://127.1:8001/events",
        "http://localhost:8001@evil.example/",
        "http://127.0.0.1:8001.evil.example/events",
        "http://evil.example:8001/events",
        "http://a.b.mcp.localhost:8001/events",
        "file:///etc/passwd",
        "unix:///var/run/docker.sock",
        "http://127.0.0.1:8001/events?url=http://evil.example",
        "http://127.0.0.1:8001/events\r\nX: y",
        "http://127.0.0.1:8001/../events",
        "",
        None,
        7,
        ["http://127.0.0.1:8001/events"],
        {"a": 1},
    ],
)
def test_we_are_not_made_to_connect_elsewhere(world: World, address: Any) -> None:
    asked = {"delivery": {"method": PUSH, "endpoint_url": address}}
    answer = send(world.asker, "POST", "/oauth/events/stream", asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert EventStream.objects.count() == 0


def test_nobody_fills_the_house_with_streams(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "STREAMS_PER_SERVER_MAX", 5)
    for _ in range(20):
        assert send(world.asker, "POST", "/oauth/events/stream", {"delivery": {"method": POLL}}).status_code == 201
    assert EventStream.objects.filter(status="enabled").count() == 5


def test_nobody_piles_up_verifications(world: World) -> None:
    stream = Stream.open(world.asker)
    for number in range(20):
        stream.verify(f"state {number}")
    assert SecurityEvent.objects.count() == 1


def test_no_secret_and_no_credential_stands_in_any_event(world: World, chatgpt: App) -> None:
    stream = Stream.open(world.asker)
    held = world.connect(world.alice, chatgpt, handle="acme")
    wider = world.connect(world.alice, chatgpt, handle="acme", scope="mcp.connect links.write")
    end(Connection.objects.get())
    told = json.dumps(stream.hear()) + json.dumps(list(SecurityEvent.objects.values()), default=str)
    secrets = [held.access, held.refresh, wider.access, wider.refresh, world.asker.secret, "alice@example.com", "Alice"]
    assert [secret for secret in secrets if secret and secret in told] == []
