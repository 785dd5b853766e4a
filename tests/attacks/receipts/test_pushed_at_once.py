"""Many pushes of the same stream at the same moment, and revocations beside them: everything arrives, in order, and
no run waits for another's network."""

from __future__ import annotations

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, EventStream, ResourceServer, SecurityEvent
from authserver.protocol.receipts.requests import PUSH, StreamRequest
from authserver.services import connections
from authserver.services.receipts import push, streams
from tests.attacks.conftest import at_once
from tests.people import App, World
from tests.receivers import claims_of, receiving

COUNT = 8


def end(connection: Connection) -> int:
    connections.revoke(connection, reason=Connection.EndReason.PERSON, now=timezone.now())
    return push.push_due()


def test_revocations_and_runs_at_once_leave_nothing_behind(crowd: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        policy, "PUSH_DEADLINE_SECONDS", 20.0
    )  # the machine may be busy; the network is not in question
    for number in range(COUNT):
        crowd.connect(crowd.alice, App.register(f"App {number}"), handle="acme")
    with receiving() as receiver:
        server = ResourceServer.objects.get(pk=crowd.asker.id)
        server.event_origins = f"http://127.0.0.1:{receiver.port}"
        server.save()
        assert isinstance(streams.create(server, StreamRequest(PUSH, receiver.url), now=timezone.now()), EventStream)
        live = list(Connection.objects.all())
        at_once(*[lambda each=each: end(each) for each in live])  # type: ignore[misc]
        assert SecurityEvent.objects.filter(acknowledged_at=None).count() == 0
        heard = [claims_of(token)["sub_id"]["session"]["id"] for token in receiver.tokens]
    assert sorted(set(heard)) == sorted(str(each.pk) for each in live)
    assert len(heard) == COUNT  # nothing was sent twice while nothing failed
