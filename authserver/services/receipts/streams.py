"""Streams: one per process of a resource server that remembers answers. Made, verified, ended, forgotten."""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from authserver import policy
from authserver.models import EventStream, ResourceServer, SecurityEvent
from authserver.protocol import addresses, resources
from authserver.protocol.errors import Refusal
from authserver.protocol.receipts.requests import StreamRequest
from authserver.protocol.resources import Pattern
from authserver.services import background, batches, catalog
from authserver.services.batches import Pace
from authserver.services.events import Tag
from authserver.services.moving import issuers
from authserver.services.receipts import delivery

VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
Status = EventStream.Status
Method = EventStream.Method


def of(server: ResourceServer) -> QuerySet[EventStream]:
    """Return the streams of a resource server that have not ended."""
    return server.streams.exclude(status=Status.ENDED)


def find(server: ResourceServer, stream_id: str) -> EventStream | None:
    """Return this server's stream of this id, or None; another server's does not exist for it."""
    try:
        key = UUID(stream_id)
    except ValueError:
        return None
    return of(server).filter(pk=key).first()


@transaction.atomic
def create(server: ResourceServer, asked: StreamRequest, *, now: datetime) -> EventStream | Refusal:
    """Make a stream. Beyond policy.STREAMS_PER_SERVER_MAX the one that was silent for longest is ended for it.

    Records stream:created. Refuses: invalid_request, where it may not be pushed to that address.
    """
    if asked.method == Method.PUSH and not may_push_to(server, asked.endpoint_url):
        description = "endpoint_url is not at the origin of an endpoint of this resource server, or is not https."
        return Refusal("invalid_request", description, "stream:foreign_endpoint")
    for surplus in of(server).order_by("-last_contact_at")[policy.STREAMS_PER_SERVER_MAX - 1 :]:
        delivery.end(delivery.lock(surplus), why="too_many")
    made = EventStream.objects.create(
        resource_server=server,
        method=asked.method,
        endpoint_url=asked.endpoint_url,
        issuer=issuers.current(),
        created_at=now,
        last_contact_at=now,
    )
    delivery.record(Tag.STREAM_CREATED, made, method=asked.method)
    return made


def may_push_to(server: ResourceServer, address: str) -> bool:
    """Tell whether events of this server may be pushed to an address: on the origin of one of its endpoints, or on one
    that an administrator named. https; on this machine, in development, http too."""
    origin = resources.origin(address)
    if origin is None or not (origin.startswith("https://") or _is_this_machine(origin)):
        return False
    if origin in server.event_origins.split():
        return True
    rows = server.resources.filter(is_active=True).select_related("handle")
    spelled = [address for row in rows for address in catalog.addresses_of(row)]
    patterns = [Pattern("", "", "/".join(each.split("/", 3)[:3])) for each in spelled]
    return resources.match(origin, patterns) is not None


def _is_this_machine(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    return settings.DEVELOPMENT and (addresses.is_loopback(host) or host.split(".")[-1] == "localhost")


@transaction.atomic
def verify(stream: EventStream, state: str | None, *, now: datetime) -> None:
    """Owe the stream a verification event with these words, in place of one that still waits. A paused stream goes on:
    from here on it is told everything again.

    Obeys: SSF 1.0 §8.1.4.1.
    """
    locked = delivery.lock(stream)
    if locked.status == Status.ENDED:
        return
    locked.status, locked.last_contact_at = Status.ENABLED, now
    locked.save(update_fields=["status", "last_contact_at"])
    delivery.waiting_for(locked).filter(event_id=None).delete()
    SecurityEvent.objects.create(
        stream=locked,
        claims={
            "sub_id": {"format": "opaque", "id": str(locked.pk)},
            "events": {VERIFICATION: {} if state is None else {"state": state}},
        },
        created_at=now,
        next_attempt_at=now - policy.NODE_CLOCK_SKEW,
    )
    if locked.method == Method.PUSH:
        background.soon("authserver.tasks.push_security_events")


@transaction.atomic
def delete(stream: EventStream) -> None:
    """End a stream at its server's wish. Records stream:deleted."""
    locked = delivery.lock(stream)
    if locked.status != Status.ENDED:
        delivery.end(locked, why="asked")


def heard_from(stream: EventStream, *, now: datetime) -> None:
    """Note that a stream's server is there, at most once per policy.STREAM_CONTACT_RESOLUTION."""
    stale = EventStream.objects.filter(pk=stream.pk, last_contact_at__lt=now - policy.STREAM_CONTACT_RESOLUTION)
    stale.update(last_contact_at=now)


def forget_silent(*, now: datetime) -> int:
    """End the streams that were silent for policy.STREAM_SILENCE_MAX; return how many."""
    silent = EventStream.objects.exclude(status=Status.ENDED).filter(
        last_contact_at__lt=now - policy.STREAM_SILENCE_MAX
    )
    return sum(_end_if_silent(stream, now) for stream in silent)


@transaction.atomic
def _end_if_silent(stream: EventStream, now: datetime) -> bool:
    locked = delivery.lock(stream)
    spoke = locked.last_contact_at is None or locked.last_contact_at >= now - policy.STREAM_SILENCE_MAX
    if locked.status == Status.ENDED or spoke:
        return False
    delivery.end(locked, why="silent")
    return True


def purge(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove events that were heard or given up policy.EVENT_RETENTION ago, and ended streams without any; return how
    many rows went."""
    pace, before = pace or Pace(policy.PURGE_RUN), now - policy.EVENT_RETENTION
    done = Q(acknowledged_at__lt=before) | Q(abandoned_at__lt=before)
    events = SecurityEvent.objects.filter(done, created_at__lt=before)
    left = Exists(SecurityEvent.objects.filter(stream=OuterRef("pk")))
    ended = EventStream.objects.filter(~left, status=Status.ENDED)
    removed = batches.remove(events, by="created_at", pace=pace)
    return removed + batches.remove(ended, by="created_at", pace=pace)
