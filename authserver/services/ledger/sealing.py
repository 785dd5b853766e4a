"""Sealing: a finished month of the chain is closed with a signature, by a key that the database alone does not give."""

import json
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min

from authserver import policy
from authserver.models import Event, LedgerLink, LedgerSeal
from authserver.services import events
from authserver.services.events import Actor, Tag
from authserver.services.ledger import linking, reading
from authserver.services.receipts import keys

KIND = "ledger-seal+jwt"  # `typ` of the signature: nothing else that these keys sign passes for a seal
FIRST_LINKS = 1_000  # of a month: among them is its first event, though others may have come before it


def seal(*, now: datetime) -> list[LedgerSeal]:
    """Seal every month that ended policy.LEDGER_SEAL_DELAY ago or longer and is not sealed, the oldest first; return
    the seals. A month without events needs none. Records ledger:sealed for each."""
    linking.link(everywhere=True)
    sealed = []
    while month := _next_month():
        if start_of(following(month)) + policy.LEDGER_SEAL_DELAY > now:
            break
        made = _seal(month, now=now)
        if made is None:
            break
        sealed.append(made)
    return sealed


def _next_month() -> date | None:
    """Return the month that comes next to be sealed: the earliest among the first links behind the last seal."""
    last = LedgerSeal.objects.order_by("-month").first()
    links = LedgerLink.objects.filter(id__gt=last.last_link_id if last else 0).order_by("id")[:FIRST_LINKS]
    first = Event.objects.filter(id__in=[link.event_id for link in links]).aggregate(at=Min("at"))["at"]
    if first is None:
        return None
    month = first.astimezone(UTC).date().replace(day=1)
    return max(month, following(last.month)) if last else month


@transaction.atomic
def _seal(month: date, *, now: datetime) -> LedgerSeal | None:
    """Close a month up to its last link. None where it has an event that is not linked: then it has to wait."""
    linking.lock()
    begin, end = start_of(month), start_of(following(month))
    last = LedgerSeal.objects.order_by("-month").first()
    first_link_id = last.last_link_id + 1 if last else 1
    link = _last_link(first_link_id, end)
    if link is None or reading.unlinked().filter(at__gte=begin, at__lt=end).exists():
        return None
    made = LedgerSeal(
        month=month,
        first_link_id=first_link_id,
        last_link_id=link.pk,
        event_count=link.pk - first_link_id + 1,  # ids of links have no gaps
        hash=bytes(link.hash),
        sealed_at=now,
    )
    made.signature = keys.sign(claims(made), typ=KIND)
    made.save(force_insert=True)
    events.record(Tag.LEDGER_SEALED, actor=Actor.SYSTEM, month=name_of(month), **_told(made))
    return made


def _last_link(first_link_id: int, end: datetime) -> LedgerLink | None:
    """Return the last link of an event before `end`. Events are linked nearly in the order of their times, so that it
    is among those of the last hour that has any."""
    open_links = LedgerLink.objects.filter(id__gte=first_link_id)
    latest = Event.objects.filter(at__lt=end).order_by("-at").values_list("at", flat=True).first()
    if latest is None:
        return None
    recent = Event.objects.filter(at__gt=latest - policy.LEDGER_DISORDER_MAX, at__lt=end).order_by()
    last = open_links.filter(event_id__in=recent.values("id")).aggregate(last=Max("id"))["last"]
    return open_links.filter(id=last).first() if last else None


def claims(made: LedgerSeal) -> dict[str, Any]:
    """Return what the signature of a seal covers: all that it says."""
    return {"iss": settings.ISSUER, "iat": int(made.sealed_at.timestamp()), "month": name_of(made.month)} | _told(made)


def _told(made: LedgerSeal) -> dict[str, Any]:
    return {
        "first_link_id": made.first_link_id,
        "last_link_id": made.last_link_id,
        "event_count": made.event_count,
        "hash": bytes(made.hash).hex(),
    }


def is_genuine(made: LedgerSeal) -> bool:
    """Tell whether a seal says what we signed. The issuer counts as it was then: an installation may move."""
    payload = keys.verify(made.signature, typ=KIND)
    if payload is None:
        return False
    said = json.loads(payload)
    return {**said, "iss": ""} == {**claims(made), "iss": ""}


def name_of(month: date) -> str:
    """Return a month as `2026-10`."""
    return f"{month:%Y-%m}"


def start_of(month: date) -> datetime:
    """Return the first moment of a month, in UTC."""
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def following(month: date, months: int = 1) -> date:
    """Return the month that comes so many months later."""
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
