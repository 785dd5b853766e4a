"""Polling (RFC 8936): a resource server fetches what it has not heard, and says in the same breath what it has."""

from dataclasses import dataclass, field
from datetime import datetime

from authserver.models import EventStream
from authserver.protocol.receipts.requests import PollRequest
from authserver.services.receipts import delivery, keys, streams


@dataclass(frozen=True)
class Polled:
    """Signed events by their jti, and whether there are more."""

    sets: dict[str, str] = field(default_factory=dict)
    more_available: bool = False


def answer(stream: EventStream, asked: PollRequest, *, now: datetime) -> Polled | None:
    """Take the acknowledgements of a poll and return what waits, oldest first. None: the stream has ended.

    What is not acknowledged comes again with the next poll.

    Obeys: RFC 8936 §2.4 (one request acknowledges and polls), §2.5 (`maxEvents` 0 only acknowledges).
    """
    streams.heard_from(stream, now=now)
    if asked.acknowledged:
        delivery.acknowledge(stream, asked.acknowledged, now=now)
    if asked.errors:
        for jti, code in asked.errors:
            delivery.failed(stream, jti, error=f"receiver_{code}", now=now)
        stream.refresh_from_db()
    if stream.status == EventStream.Status.ENDED:
        return None
    waiting = list(delivery.waiting_for(stream)[: asked.events_max + 1])
    batch = waiting[: asked.events_max]
    signer = keys.signer() if batch else None
    sets = {str(event.jti): delivery.encode(event, stream=stream, signer=signer) for event in batch if signer}
    return Polled(sets, len(waiting) > len(batch))
