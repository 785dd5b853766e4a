"""Retention: a sealed month that was exported may be removed when it is old enough. Its seal stays, and the chain
behind it is verified from there."""

import json
from collections.abc import Iterable
from datetime import date, datetime
from hashlib import sha256

from django.conf import settings

from authserver.models import Event, LedgerLink, LedgerSeal
from authserver.services import events
from authserver.services.events import Actor, Tag
from authserver.services.ledger import chain, protection, sealing


class NotRemovable(Exception):
    """Why a month stays, as a sentence."""


def remove(month: date, file: Iterable[bytes], *, now: datetime) -> int:
    """Remove the events and links of a month, given the lines of its export; return how many events went.

    The file has to hold exactly what the seal covers: the chain is computed from it. Records ledger:removed with the
    file's SHA-256. Raises NotRemovable.
    """
    seal = _removable(month, now=now)
    digest = _digest_of(file, seal)
    with protection.opened():
        links = LedgerLink.objects.filter(id__range=(seal.first_link_id, seal.last_link_id))
        removed, _ = Event.objects.filter(id__in=links.values("event_id")).delete()
        links.delete()
        events.record(
            Tag.LEDGER_REMOVED, actor=Actor.SYSTEM, month=sealing.name_of(month), events=removed, file_sha256=digest
        )
    return removed


def _removable(month: date, *, now: datetime) -> LedgerSeal:
    """Return the seal of a month that may go: the oldest that is kept, and past the retention."""
    kept = settings.LEDGER_RETENTION_MONTHS
    if kept is None:
        raise NotRemovable("LEDGER_RETENTION_MONTHS is not set: everything is kept.")
    first = LedgerLink.objects.order_by("id").first()
    seal = LedgerSeal.objects.filter(first_link_id=first.pk).first() if first else None
    if seal is None:
        raise NotRemovable("No month that is sealed is left to remove.")
    if seal.month != month:
        raise NotRemovable(f"Months go in their order: {sealing.name_of(seal.month)} is the oldest.")
    end = sealing.start_of(sealing.following(month, kept + 1))
    if end > now:
        raise NotRemovable(f"{sealing.name_of(month)} is kept until {end:%Y-%m-%d} (LEDGER_RETENTION_MONTHS={kept}).")
    if not sealing.is_genuine(seal):
        raise NotRemovable(f"The seal of {sealing.name_of(month)} is not ours: verify the ledger.")
    return seal


def _digest_of(file: Iterable[bytes], seal: LedgerSeal) -> str:
    """Return the SHA-256 of an export, if it is the whole of what the seal covers."""
    before = LedgerSeal.objects.filter(last_link_id=seal.first_link_id - 1).first()
    content, digest, number = sha256(), bytes(before.hash) if before else chain.GENESIS, seal.first_link_id - 1
    for line in file:
        content.update(line)
        number += 1
        digest = chain.link_hash(digest, _event_in(line, number))
    if (number, digest) != (seal.last_link_id, bytes(seal.hash)):
        raise NotRemovable(
            f"The file is not the export of {sealing.name_of(seal.month)}: it does not lead to its seal."
        )
    return content.hexdigest()


def _event_in(line: bytes, number: int) -> bytes:
    try:
        said = json.loads(line)
        if said["link"] == number:
            return chain.encode(said["event"]).encode()
    except (ValueError, TypeError, KeyError):
        pass
    raise NotRemovable(f"The file is not an export of the ledger: link {number} is not in its place.")
