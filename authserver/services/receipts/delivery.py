"""What push and poll have in common: the signed token, and what follows from a yes, from a no, and from giving up.

Events of a stream are handed out in the order of their creation. They only ever make a resource server forget, so
twice is as good as once; the order matters for one thing: no verification passes an event that was not heard, so that
a server which misses events is never told that its stream works.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from authserver import policy
from authserver.models import EventStream, SecurityEvent
from authserver.services import events
from authserver.services.events import Actor, Tag
from authserver.services.receipts.keys import Signer

TYP = "secevent+jwt"


def encode(event: SecurityEvent, *, stream: EventStream, signer: Signer) -> str:
    """Return the event as a security event token for this stream. Obeys: RFC 8417 §2.2, §2.3."""
    claims = {
        "iss": stream.issuer or settings.ISSUER,
        "aud": str(stream.resource_server_id),
        "iat": int(event.created_at.timestamp()),
        "jti": str(event.jti),
    }
    return signer.sign(claims | event.claims, typ=TYP)


def waiting_for(stream: EventStream) -> QuerySet[SecurityEvent]:
    """Return what this stream has not confirmed, oldest first."""
    return stream.security_events.filter(acknowledged_at=None, abandoned_at=None).order_by("created_at", "jti")


def lock(stream: EventStream) -> EventStream:
    """Return the stream, locked until the transaction ends. Acts that owe it something do not wait for that."""
    return EventStream.objects.select_for_update(no_key=True).get(pk=stream.pk)


@transaction.atomic
def acknowledge(stream: EventStream, jtis: Iterable[str], *, now: datetime) -> int:
    """Note that the stream heard these; return how many it had not confirmed before. Others' are passed over.

    A verification that is heard has done its work and goes. Records stream:verified, where the stream was not.
    """
    locked = lock(stream)
    told = waiting_for(locked).filter(jti__in=[jti for jti in jtis if _is_id(jti)])
    verified = told.filter(event_id=None).delete()[0]
    if verified:
        _verified(locked, now)
    return verified + told.update(acknowledged_at=now, error="")


def _is_id(jti: str) -> bool:
    try:
        SecurityEvent._meta.pk.to_python(jti)
    except ValidationError:
        return False
    return True


def _verified(locked: EventStream, now: datetime) -> None:
    if locked.verified_at is None:
        record(Tag.STREAM_VERIFIED, locked)
    locked.verified_at = now
    locked.save(update_fields=["verified_at"])


def failed(stream: EventStream, jti: str, *, error: str, now: datetime) -> None:
    """Note that an event was not taken. It is tried again later, longer each time; after policy.EVENT_ATTEMPTS_MAX
    all that waits for the stream is given up."""
    with transaction.atomic():
        locked = lock(stream)
        event = waiting_for(locked).filter(jti=jti).first() if _is_id(jti) else None
        if event is None:
            return
        event.attempts += 1
        event.error, event.next_attempt_at = error, now + pause_after(event.attempts)
        event.save(update_fields=["attempts", "error", "next_attempt_at"])
        if event.attempts >= policy.EVENT_ATTEMPTS_MAX:
            give_up(locked, error=error, now=now)


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failures. Half of it is chance, so that not all come back at once."""
    longest = min(policy.EVENT_RETRY * 2 ** (attempts - 1), policy.EVENT_RETRY_MAX)
    return longest / 2 + longest / 2 * (secrets.randbelow(1_000) / 1_000)


def give_up(locked: EventStream, *, error: str, now: datetime) -> None:
    """Give up all that waits for a stream. One that is pushed to is paused until it asks to be verified; one that
    polls is ended, and its server starts again with nothing remembered. Records security_event:abandoned."""
    waiting_for(locked).filter(event_id=None).delete()
    count = waiting_for(locked).update(abandoned_at=now, error=error)
    record(Tag.SECURITY_EVENT_ABANDONED, locked, count=count, error=error)
    if locked.method == EventStream.Method.POLL:
        end(locked, why="abandoned")
        return
    locked.status, locked.verified_at = EventStream.Status.PAUSED, None
    locked.save(update_fields=["status", "verified_at"])


def end(locked: EventStream, *, why: str) -> None:
    """End a stream: nothing is owed to it any more. What it confirmed stays for a while. Records stream:deleted."""
    waiting_for(locked).delete()
    locked.status, locked.verified_at = EventStream.Status.ENDED, None
    locked.save(update_fields=["status", "verified_at"])
    record(Tag.STREAM_DELETED, locked, reason=why)


def record(tag: Tag, stream: EventStream, **detail: object) -> None:
    """Record an event about a stream; `detail` as for events.record."""
    told = detail | {"stream": str(stream.pk), "resource_server": str(stream.resource_server_id)}
    events.record(tag, actor=Actor.SYSTEM, **told)  # type: ignore[arg-type]  # none of them is named like a parameter
