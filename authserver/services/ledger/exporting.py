"""Export: events as JSON Lines, each with its link, in batches. What a line holds is what the chain covers:

`{"event": {…}, "hash": "…", "link": 17}`, where hash = SHA-256(hash of the link before ‖ the bytes of `event`), these
bytes being JSON with sorted names and without spaces, exactly as they stand in the line.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from authserver import policy
from authserver.models import Event, LedgerLink, LedgerSeal
from authserver.services.ledger import chain, reading, sealing
from authserver.services.ledger.reading import Events, Row

BATCH = 1_000
CELLS = (*chain.COLUMNS, "link", "hash")  # of a table


@dataclass(frozen=True)
class Told:
    """One event and its link; an event of the last seconds has none yet."""

    row: Row
    link_id: int | None
    hash: bytes | None

    def cells(self) -> list[str]:
        """Return it as text, cell by cell: CELLS."""
        said = json.loads(chain.canonical(self.row)) | {"detail": chain.encode(self.row["detail"])}
        said |= {"link": self.link_id, "hash": self.hash.hex() if self.hash else None}
        return ["" if said[name] is None else str(said[name]) for name in CELLS]

    @property
    def line(self) -> str:
        link = "null" if self.link_id is None else str(self.link_id)
        digest = "null" if self.hash is None else f'"{self.hash.hex()}"'
        return f'{{"event":{chain.canonical(self.row).decode()},"hash":{digest},"link":{link}}}\n'


def of_month(month: date) -> Iterator[Told]:
    """Yield a month: what its seal covers, in the order of the chain; where it has no seal yet, what its days say."""
    seal = LedgerSeal.objects.filter(month=month).first()
    if seal is None:
        yield from told(selected(since=sealing.start_of(month), until=sealing.start_of(sealing.following(month))))
        return
    for linked in reading.links(after=seal.first_link_id - 1, until=seal.last_link_id):
        if linked.row is not None:
            yield Told(linked.row, linked.link_id, linked.hash)


def selected(
    *, since: datetime | None = None, until: datetime | None = None, handle: str = "", tag: str = ""
) -> Events:
    """Return the events of this time (`until` is not part of it), handle and tag."""
    rows = Event.objects.all()
    if since:
        # The first id spares reading all that came before: ids are nearly in the order of times.
        first = rows.filter(at__gte=since).order_by("at").values_list("id", flat=True).first()
        rows = rows.filter(at__gte=since, id__gte=(first or 0) - policy.LEDGER_LOOK_BACK)
    rows = rows.filter(at__lt=until) if until else rows
    rows = rows.filter(handle=handle) if handle else rows
    return rows.filter(tag=tag) if tag else rows


def told(rows: Events) -> Iterator[Told]:
    """Yield these events with their links, in the order of their ids."""
    after = None
    while True:
        wanted = rows if after is None else rows.filter(id__gt=after)
        batch = list(wanted.order_by("id").values(*chain.COLUMNS)[:BATCH])
        if not batch:
            return
        links = LedgerLink.objects.filter(event_id__in=[row["id"] for row in batch])
        found = {
            event_id: (link_id, bytes(digest))
            for event_id, link_id, digest in links.values_list("event_id", "id", "hash")
        }
        yield from (Told(row, *found.get(row["id"], (None, None))) for row in batch)
        after = batch[-1]["id"]
