"""Verification: the whole chain is computed again, from the last month that was removed to its head."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.db.models import Q

from authserver import policy
from authserver.models import Event, LedgerLink, LedgerSeal, LedgerState
from authserver.services.events import Tag
from authserver.services.ledger import chain, faults, protection, reading, sealing
from authserver.services.ledger.faults import Fault
from authserver.services.ledger.walking import Walk

FAULTS_MAX = 20  # after which verification stops
STEP = 10_000  # links between two reports of progress
Progress = Callable[[int, int], None]  # links done, number of the last link


@dataclass(frozen=True)
class Finding:
    """What a verification found: nothing wrong where `faults` is empty. `waiting` events have no link yet."""

    faults: tuple[Fault, ...]
    links: int
    number: int
    head: bytes
    waiting: int


def verify(*, now: datetime, head: str = "", progress: Progress | None = None) -> Finding:
    """Compute the chain again and return what was found; up to FAULTS_MAX faults, the first in the chain's order.

    `head` is a hash, in hexadecimal, that was noted outside: it has to be among those of the chain or of a seal.
    Remembers when it was and what came out, for the status.
    """
    inquiry = _Inquiry(head.lower(), progress)
    found: list[Fault] = []
    for fault in inquiry.faults():
        found.append(fault)
        if len(found) == FAULTS_MAX:
            break
    walk = inquiry.walk
    finding = Finding(tuple(found), inquiry.links, walk.number, walk.digest, inquiry.waiting)
    told = found[0].sentence if found else ""
    LedgerState.objects.update(verified_at=now, verified_link_id=finding.number, fault=told)
    return finding


class _Inquiry:
    """One verification: its seals, its walk, and what it counts on the way."""

    def __init__(self, head: str, progress: Progress | None) -> None:
        self._head, self._progress = head, progress
        self._seals = list(LedgerSeal.objects.order_by("month"))
        self._first = LedgerLink.objects.order_by("id").first()
        self._is_head_seen = not head or head in {bytes(seal.hash).hex() for seal in self._seals}
        removed = [seal for seal in self._seals if self._first is None or seal.last_link_id < self._first.pk]
        self._removed = removed[-1] if removed else None
        number = self._removed.last_link_id if self._removed else 0
        digest = bytes(self._removed.hash) if self._removed else chain.GENESIS
        self.walk = Walk(number=number, digest=digest, seals=self._seals)
        self.links = self.waiting = 0

    def faults(self) -> Iterator[Fault]:
        bare = protection.missing()
        if bare:
            yield faults.unprotected(bare)
        yield from self._of_seals()
        yield from self._of_links()
        yield from self._of_events_without_link()
        if not self._is_head_seen:
            yield faults.head_unknown(self._head)

    def _of_seals(self) -> Iterator[Fault]:
        for seal in self._seals:
            if not sealing.is_genuine(seal):
                yield faults.seal_forged(seal.month)
        for before, seal in pairwise(self._seals):
            if seal.first_link_id != before.last_link_id + 1:
                yield faults.seals_apart(seal.month)
        known = {sealing.name_of(seal.month) for seal in self._seals}
        told = Event.objects.filter(tag=Tag.LEDGER_SEALED).order_by("id").values_list("detail__month", flat=True)
        yield from (faults.seal_missing(str(month)) for month in told if month not in known)
        month = self._removed.month if self._removed else None
        if month and not _removal_is_told(sealing.name_of(month)):
            yield faults.removal_untold(month)

    def _of_links(self) -> Iterator[Fault]:
        if self._first and self._first.pk < 1:
            yield faults.link_foreign(self._first.pk)
        last = LedgerLink.objects.order_by("-id").values_list("id", flat=True).first() or 0
        for linked in reading.links(after=self.walk.number):
            yield from self.walk.step(linked)
            self._is_head_seen = self._is_head_seen or linked.hash.hex() == self._head
            self.links += 1
            if self._progress and self.links % STEP == 0:
                self._progress(self.links, last)
        yield from self.walk.end()
        if self._seals and self._seals[-1].last_link_id > self.walk.number:
            yield faults.links_missing(self.walk.number + 1, self._seals[-1].last_link_id)

    def _of_events_without_link(self) -> Iterator[Fault]:
        """Events that wait for their link are young. Older ones were put there behind the chain."""
        latest = self.walk.latest
        rows = reading.unlinked().order_by("id")
        if latest:
            young = Q(at__gte=latest["at"] - policy.LEDGER_DISORDER_MAX)
            for row in rows.exclude(young).values(*chain.COLUMNS)[:FAULTS_MAX]:
                yield faults.event_inserted(row, latest)
            rows = rows.filter(young)
        self.waiting = rows.count()


def _removal_is_told(month: str) -> bool:
    return Event.objects.filter(tag=Tag.LEDGER_REMOVED, detail__month=month).exists()
