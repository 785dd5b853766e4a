"""A connection, and resource servers that want to hear when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone

from authserver.models import Connection, EventStream, ResourceServer, SecurityEvent
from authserver.protocol.receipts.requests import POLL, PUSH, StreamRequest
from authserver.services import connections
from authserver.services.receipts import streams
from tests.people import App, World
from tests.receivers import Receiver, receiving

Making = Callable[..., EventStream]


@pytest.fixture
def connection(world: World, chatgpt: App) -> Connection:
    world.connect(world.alice, chatgpt, handle="acme")
    return Connection.objects.get()


@pytest.fixture
def server(world: World) -> ResourceServer:
    return ResourceServer.objects.get(pk=world.asker.id)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def polling(server: ResourceServer) -> EventStream:
    return make(server, StreamRequest(POLL))


@pytest.fixture
def pushing(server: ResourceServer, receiver: Receiver) -> EventStream:
    return push_stream(server, receiver)


def push_stream(server: ResourceServer, receiver: Receiver) -> EventStream:
    server.event_origins += f"\nhttp://127.0.0.1:{receiver.port}"
    server.save()
    return make(server, StreamRequest(PUSH, receiver.url))


def make(server: ResourceServer, asked: StreamRequest) -> EventStream:
    made = streams.create(server, asked, now=timezone.now())
    assert isinstance(made, EventStream)
    EventStream.objects.filter(pk=made.pk).update(verified_at=timezone.now())
    made.refresh_from_db()
    return made


def end(connection: Connection) -> None:
    assert connections.revoke(connection, reason=Connection.EndReason.PERSON, now=timezone.now())


def make_due() -> None:
    """Let the time pass until whatever failed is tried again."""
    SecurityEvent.objects.filter(acknowledged_at=None).update(next_attempt_at=timezone.now())
