"""Pushing (RFC 8935): what waits is sent, many streams side by side, each in its order.

No lock is held and no transaction is open while the network is asked. A run takes what is due by putting its time
ahead (policy.PUSH_LEASE); if the run dies, that time comes, and another sends it again.
"""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from authserver import policy
from authserver.models import EventStream, SecurityEvent
from authserver.services import background
from authserver.services.receipts import delivery, keys, streams
from authserver.services.receipts.posting import post

_pool = ThreadPoolExecutor(policy.PUSHES_AT_ONCE, thread_name_prefix="push")


@dataclass(frozen=True)
class Batch:
    """What one stream is sent in a row: pairs of jti and signed token."""

    stream: EventStream
    tokens: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sent:
    """How far it went: what was taken, and what was not and why. The rest was not tried."""

    taken: tuple[str, ...]
    failed: str = ""
    error: str = ""


def push_due() -> int:
    """Send what is due; return how many events were taken. As one stream is done, what came in meanwhile is taken up,
    for policy.PUSH_RUN_SECONDS; the rest is the next run's, which is asked for."""
    until = time.monotonic() + policy.PUSH_RUN_SECONDS
    running: dict[Future[Sent], Batch] = {}
    count = 0
    while True:
        if time.monotonic() < until:
            running |= {_pool.submit(_send, batch, until): batch for batch in _take(now=timezone.now())}
        if not running:
            break
        done, _ = wait(running, timeout=policy.PUSH_LEASE.total_seconds(), return_when=FIRST_COMPLETED)
        if not done:
            break  # a name that cannot be resolved in time; the lease brings it back
        for future in done:
            batch = running.pop(future)
            with suppress(EventStream.DoesNotExist):  # its resource server was removed meanwhile
                count += _settle(batch, future.result(), now=timezone.now())
    if time.monotonic() >= until and _due(timezone.now()).exists():
        background.soon("authserver.tasks.push_security_events")
    return count


def _due(now: datetime) -> QuerySet[EventStream]:
    """Return the streams whose oldest waiting event is due. Nothing overtakes that one."""
    waiting = SecurityEvent.objects.filter(stream=OuterRef("pk"), acknowledged_at=None, abandoned_at=None)
    oldest = waiting.order_by("created_at", "jti").values("next_attempt_at")[:1]
    return EventStream.objects.annotate(due_at=Subquery(oldest)).filter(
        due_at__lte=now,
        method=EventStream.Method.PUSH,
        status=EventStream.Status.ENABLED,
        resource_server__is_active=True,
    )


def _take(*, now: datetime) -> list[Batch]:
    """Take what is due, and put its time ahead."""
    due = _due(now)
    if not due.exists():
        return []
    signer = keys.signer()
    with transaction.atomic():
        # Another run may have taken a stream's events while we waited for its row: they are read again, below the lock.
        rows = due.select_related("resource_server").select_for_update(of=("self",), no_key=True)
        return [batch for stream in rows.order_by("pk") if (batch := _batch(stream, signer, now=now))]


def _batch(stream: EventStream, signer: keys.Signer, *, now: datetime) -> Batch | None:
    waiting = delivery.waiting_for(stream)[: policy.PUSHES_PER_STREAM]
    # Up to the first that another run is sending: one that committed late may stand before it, and goes alone.
    rows = list(takewhile(lambda row: row.next_attempt_at <= now, waiting))
    if not rows:
        return None
    if not streams.may_push_to(stream.resource_server, stream.endpoint_url):  # its endpoints changed since
        delivery.end(stream, why="foreign_endpoint")
        return None
    lease = now + policy.PUSH_LEASE
    SecurityEvent.objects.filter(jti__in=[row.jti for row in rows]).update(next_attempt_at=lease)
    return Batch(stream, tuple((str(row.jti), delivery.encode(row, stream=stream, signer=signer)) for row in rows))


def _send(batch: Batch, until: float) -> Sent:
    """Send in order, up to the first that is not taken. Runs in a thread of its own and asks no database."""
    taken: list[str] = []
    for jti, token in batch.tokens:
        if taken and time.monotonic() >= until:
            break
        error = post(batch.stream.endpoint_url, token)
        if error:
            return Sent(tuple(taken), jti, error)
        taken.append(jti)
    return Sent(tuple(taken))


def _settle(batch: Batch, sent: Sent, *, now: datetime) -> int:
    """Write down how it went; what was not tried is due at once. Return how many were taken."""
    stream = batch.stream
    if sent.taken:
        streams.heard_from(stream, now=now)
        delivery.acknowledge(stream, sent.taken, now=now)
    untried = [jti for jti, _ in batch.tokens if jti not in (*sent.taken, sent.failed)]
    if untried:
        due = now - policy.NODE_CLOCK_SKEW
        delivery.waiting_for(stream).filter(jti__in=untried).order_by().update(next_attempt_at=due)
    if sent.failed:
        delivery.failed(stream, sent.failed, error=sent.error, now=now)
    return len(sent.taken)
