"""Streams: who may be pushed to where, how many there are, when they end."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, Event, EventStream, ProtectedResource, ResourceServer, SecurityEvent
from authserver.protocol.errors import Refusal
from authserver.protocol.receipts.requests import POLL, PUSH, StreamRequest
from authserver.services import resource_servers
from authserver.services.receipts import streams
from tests.authserver.services.receipts.conftest import end, make
from tests.people import World

Status = EventStream.Status

PRODUCTION = {
    "GATEWAY_URL": "https://ai.example.com/mcp",
    "HOSTED_URL": "https://{handle}.mcp.example.com/mcp",
    "COMPAT_URL": "https://ai.example.com/mcp/{handle}/mcp",
    "DEVELOPMENT": False,
}


@pytest.fixture
def production(settings: Any, server: ResourceServer) -> ResourceServer:
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return server


@pytest.mark.parametrize(
    "address",
    ["https://ai.example.com/events", "https://ai.example.com", "https://acme.mcp.example.com/any/path"]
    + ["https://inside.example.net:8443/events"],
)
def test_events_are_pushed_to_the_origins_of_its_endpoints_and_those_that_an_administrator_named(
    production: ResourceServer, address: str
) -> None:
    production.event_origins = "https://inside.example.net:8443\nhttps://second.example.net"
    assert streams.may_push_to(production, address)


@pytest.mark.parametrize(
    "address",
    [
        "http://ai.example.com/events",  # not https
        "https://ai.example.com:8443/events",  # another port
        "https://evil.example/events",
        "https://ai.example.com.evil.example/events",
        "https://mcp.example.com/events",  # no handle in it
        "https://a.b.mcp.example.com/events",
        "https://-.mcp.example.com/events",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/events",
        "https://localhost/events",
        "http://127.0.0.1:8001/events",  # development only
        "http://localhost:6379/",
        "http://[::1]/",
        "https://ai.example.com@evil.example/",
        "https://ai.example.com\\@evil.example/",
        "https://evil.example#ai.example.com",
        "//ai.example.com/events",
        "",
    ],
)
def test_they_are_pushed_nowhere_else(production: ResourceServer, address: str) -> None:
    assert not streams.may_push_to(production, address)


def test_http_on_this_machine_is_for_development(server: ResourceServer, settings: Any) -> None:
    assert streams.may_push_to(server, "http://127.0.0.1:8001/events")
    assert streams.may_push_to(server, "http://acme.mcp.localhost:8001/events")
    assert not streams.may_push_to(server, "http://127.0.0.1:8002/events")
    settings.DEVELOPMENT = False
    assert not streams.may_push_to(server, "http://127.0.0.1:8001/events")


def test_the_endpoint_of_another_resource_server_is_not_its_own(production: ResourceServer) -> None:
    other = ProtectedResource.objects.create(name="Elsewhere", address="https://elsewhere.example/mcp")
    second, _ = resource_servers.create("third", [other])
    assert streams.may_push_to(second, "https://elsewhere.example/events")
    assert not streams.may_push_to(production, "https://elsewhere.example/events")
    assert not streams.may_push_to(second, "https://ai.example.com/events")


def test_a_withdrawn_endpoint_is_nobodys(production: ResourceServer) -> None:
    ProtectedResource.objects.update(is_active=False)
    assert not streams.may_push_to(production, "https://ai.example.com/events")


@pytest.mark.parametrize("origin", ["https://a.example/", "https://a.example/x", "a.example", "ftp://a.example", "*"])
def test_an_administrator_names_origins_and_nothing_else(server: ResourceServer, origin: str) -> None:
    server.event_origins = origin
    with pytest.raises(ValidationError):
        server.clean()
    server.event_origins = "https://a.example\nhttps://b.example:8443"
    server.clean()


def test_a_stream_pushed_elsewhere_is_refused_and_not_made(server: ResourceServer) -> None:
    refusal = streams.create(server, StreamRequest(PUSH, "https://evil.example/"), now=timezone.now())
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.reason) == ("invalid_request", "stream:foreign_endpoint")
    assert EventStream.objects.count() == 0


def test_the_stream_silent_for_longest_makes_room_for_one_too_many(
    server: ResourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "STREAMS_PER_SERVER_MAX", 3)
    made = [make(server, StreamRequest(POLL)) for _ in range(3)]
    EventStream.objects.filter(pk=made[1].pk).update(last_contact_at=timezone.now() - policy.STREAM_SILENCE_MAX / 2)
    newest = make(server, StreamRequest(POLL))
    assert set(streams.of(server)) == {made[0], made[2], newest}
    assert Event.objects.get(tag="stream:deleted").detail["reason"] == "too_many"


def test_a_deleted_stream_is_owed_nothing_and_what_it_confirmed_stays(
    world: World, connection: Connection, polling: EventStream
) -> None:
    end(connection)
    SecurityEvent.objects.update(acknowledged_at=timezone.now())
    streams.verify(polling, "waits", now=timezone.now())
    streams.delete(polling)
    streams.delete(polling)
    assert streams.find(polling.resource_server, str(polling.pk)) is None
    assert SecurityEvent.objects.get().acknowledged_at is not None
    assert Event.objects.filter(tag="stream:deleted").count() == 1
    streams.verify(polling, "late", now=timezone.now())
    assert EventStream.objects.get().status == Status.ENDED


def test_a_silent_stream_is_forgotten_after_an_hour_and_one_that_spoke_is_not(polling: EventStream) -> None:
    spoke = make(polling.resource_server, StreamRequest(POLL))
    later = timezone.now() + policy.STREAM_SILENCE_MAX
    streams.heard_from(spoke, now=later)
    assert streams.forget_silent(now=later) == 1
    assert list(streams.of(polling.resource_server)) == [spoke]
    assert streams.forget_silent(now=later) == 0


def test_what_was_heard_goes_after_a_week_and_then_its_stream(connection: Connection, polling: EventStream) -> None:
    end(connection)
    now = timezone.now()
    assert streams.purge(now=now + policy.EVENT_RETENTION * 2) == 0  # it still waits
    SecurityEvent.objects.update(acknowledged_at=now)
    streams.delete(polling)
    assert streams.purge(now=now + policy.EVENT_RETENTION / 2) == 0
    assert streams.purge(now=now + policy.EVENT_RETENTION * 2) == 2
    assert (SecurityEvent.objects.count(), EventStream.objects.count()) == (0, 0)


def test_only_servers_of_the_connections_endpoint_are_told(world: World, connection: Connection) -> None:
    for asker in (world.asker, world.other_asker):
        make(ResourceServer.objects.get(pk=asker.id), StreamRequest(POLL))
    end(connection)
    told = SecurityEvent.objects.values_list("stream__resource_server_id", flat=True)
    assert [str(each) for each in told] == [world.asker.id]
