"""What ends after every restore, and what ends where nobody knows what had ended."""

import os
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction

from authserver.models import AuthorizationCode, Connection, Event, EventStream, PersonalAccessToken
from authserver.services import batches, events
from authserver.services.batches import Pace
from authserver.services.events import NO_REQUEST, Actor, Entry, Tag
from authserver.services.receipts import delivery

EndReason = Connection.EndReason


@dataclass(frozen=True)
class Closed:
    """How many of them ended."""

    connections: int = 0
    tokens: int = 0


@transaction.atomic
def close_doors() -> None:
    """End what is too short-lived to be worth a doubt: browser sessions and codes, and the streams by which resource
    servers remember answers, so that they ask again until they have new ones."""
    Session.objects.all().delete()
    AuthorizationCode.objects.filter(redeemed_at=None).delete()
    for stream in EventStream.objects.exclude(status=EventStream.Status.ENDED):
        delivery.end(delivery.lock(stream), why="restored")


def end_everything(*, now: datetime, pace: Pace) -> Closed:
    """End every live connection and every personal access token. Records connection:revoked and personal_token:revoked
    for each; can be interrupted and begun again."""
    live = Connection.objects.filter(ended_at=None)
    ended = sum(_end([row[0] for row in batch], now) for batch in batches.walk(live, by="created_at", pace=pace))
    tokens = PersonalAccessToken.objects.filter(ended_at=None)
    revoked = sum(_revoke([row[0] for row in batch], now) for batch in batches.walk(tokens, by="created_at", pace=pace))
    return Closed(ended, revoked)


@transaction.atomic
def _end(ids: list[UUID], now: datetime) -> int:
    found = Connection.objects.select_for_update(of=("self",)).order_by("pk").filter(pk__in=ids, ended_at=None)
    rows = list(found.select_related("client", "handle"))
    Connection.objects.filter(pk__in=[row.pk for row in rows]).update(ended_at=now, end_reason=EndReason.RESTORED)
    detail = {"reason": EndReason.RESTORED.value, "note": ""}
    events.record_all(
        [
            _entry(Tag.CONNECTION_REVOKED, row.user_id, row.handle.slug, detail, row.client.client_id, row.pk)
            for row in rows
        ],
        at=now,
    )
    return len(rows)


@transaction.atomic
def _revoke(ids: list[UUID], now: datetime) -> int:
    found = PersonalAccessToken.objects.select_for_update(of=("self",)).order_by("pk").filter(pk__in=ids, ended_at=None)
    rows = list(found.select_related("handle"))
    PersonalAccessToken.objects.filter(pk__in=[row.pk for row in rows]).update(ended_at=now)
    told = [_entry(Tag.PERSONAL_TOKEN_REVOKED, row.user_id, row.handle.slug, {"token": str(row.pk)}) for row in rows]
    events.record_all(told, at=now)
    return len(rows)


def _entry(
    tag: Event.Tag, person: UUID, handle: str, detail: dict[str, str], client: str = "", connection: UUID | None = None
) -> Entry:
    return Entry(
        tag=tag, actor=Actor.SYSTEM, facts=NO_REQUEST, person_id=person, client_id=client, handle=handle,
        connection_id=connection, detail=detail,
    )  # fmt: skip


def nobodys_digest() -> bytes:
    """Return a digest of which nobody has the secret."""
    return os.urandom(32)
