"""Links and the events they are about, read in batches: however long the chain, the memory stays the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from authserver.models import Event, LedgerLink
from authserver.services.ledger import chain

BATCH = 2_000
Row = dict[str, Any]
Events = QuerySet[Event]


@dataclass(frozen=True)
class Linked:
    """One link, and the bytes of its event: None where the event is gone, or holds what no event can hold."""

    link_id: int
    event_id: int
    hash: bytes = field(repr=False)
    row: Row | None = field(repr=False)
    content: bytes | None = field(repr=False)


def links(*, after: int, until: int | None = None) -> Iterator[Linked]:
    """Yield the links behind `after`, up to and with `until`, in their order."""
    found = LedgerLink.objects.order_by("id")
    if until is not None:
        found = found.filter(id__lte=until)
    while batch := list(found.filter(id__gt=after).values_list("id", "event_id", "hash")[:BATCH]):
        rows = events([event_id for _, event_id, _ in batch])
        for link_id, event_id, digest in batch:
            row = rows.get(event_id)
            yield Linked(link_id, event_id, bytes(digest), row, bytes_of(row))
        after = batch[-1][0]


def events(ids: Sequence[int]) -> dict[int, Row]:
    """Return the events of these ids, as far as they are there and can be read."""
    found = Event.objects.order_by().values(*chain.COLUMNS)
    try:
        return {row["id"]: row for row in found.filter(id__in=ids)}
    except (ValueError, TypeError):
        # One of them was changed to what its column cannot hold (SQLite takes anything). The others are fine.
        return {row["id"]: row for event_id in ids for row in _readable(found.filter(id=event_id))}


def _readable(found: QuerySet[Event, Row]) -> list[Row]:
    try:
        return list(found)
    except (ValueError, TypeError):
        return []


def bytes_of(row: Row | None) -> bytes | None:
    """Return the bytes of an event, or None where there is none to be had."""
    try:
        return None if row is None else chain.canonical(row)
    except (ValueError, TypeError, AttributeError):
        return None


def unlinked(*, after: int | None = None) -> Events:
    """Return the events that have no link; with `after`, those of higher ids only, and no link further back is read."""
    links, rows = LedgerLink.objects.filter(event_id=OuterRef("id")), Event.objects.all()
    if after is not None:
        # Said of both sides: a database that joins them does not conclude one from the other.
        links, rows = links.filter(event_id__gt=after), rows.filter(id__gt=after)
    return rows.filter(~Exists(links))
