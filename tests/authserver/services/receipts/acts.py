"""What is done to streams and signing keys, and the events that it writes, for test_events.py beside this folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from authserver import policy
from authserver.models import EventStream, ResourceServer, SecurityEvent
from authserver.protocol.receipts.requests import POLL, PUSH, StreamRequest
from authserver.services.receipts import delivery, keys, streams
from tests.authserver.services.conftest import NOW
from tests.tampering import forget_events

HERE = "http://127.0.0.1:8001/events"


def make(stage: Any, method: str = POLL) -> EventStream:
    server = ResourceServer.objects.get(pk=stage.world.asker.id)
    made = streams.create(server, StreamRequest(method, HERE if method == PUSH else ""), now=NOW)
    assert isinstance(made, EventStream)
    return made


def verify(stage: Any) -> None:
    stream = make(stage)
    streams.verify(stream, "state", now=NOW)
    forget_events()
    delivery.acknowledge(stream, [str(SecurityEvent.objects.get(event_id=None).jti)], now=NOW)


def delete(stage: Any) -> None:
    stream = make(stage)
    forget_events()
    streams.delete(stream)


def fall_silent(stage: Any) -> None:
    make(stage)
    forget_events()
    streams.forget_silent(now=NOW + policy.STREAM_SILENCE_MAX + timedelta(seconds=1))


def give_up(stage: Any, method: str) -> None:
    stream = make(stage, method)
    streams.verify(stream, "state", now=NOW)
    forget_events()
    jti = str(SecurityEvent.objects.get(event_id=None).jti)
    SecurityEvent.objects.update(attempts=policy.EVENT_ATTEMPTS_MAX - 1)
    delivery.failed(stream, jti, error="status_500", now=NOW)


def retire(stage: Any) -> None:
    keys.turn(now=NOW)
    keys.rotate(now=NOW)
    forget_events()
    keys.turn(now=NOW + policy.SIGNING_KEY_NOTICE)


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "a resource server opens a stream": (make, [("stream:created", "system")]),
    "a stream is verified": (verify, [("stream:verified", "system")]),
    "a resource server ends its stream": (delete, [("stream:deleted", "system")]),
    "a stream falls silent": (fall_silent, [("stream:deleted", "system")]),
    "a push is given up": (lambda s: give_up(s, PUSH), [("security_event:abandoned", "system")]),
    "a poll never understands": (
        lambda s: give_up(s, POLL),
        [("security_event:abandoned", "system"), ("stream:deleted", "system")],
    ),
    "the first signature is needed": (lambda s: keys.signer(), [("signing_key:created", "system")]),
    "a signing key is replaced": (retire, [("signing_key:retired", "system")]),
}
