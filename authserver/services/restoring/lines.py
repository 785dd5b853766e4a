"""The lines of ledger exports, and the proof that they go on where the restored ledger ends, without a gap."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from django.db.models import Max, Min

from authserver import policy
from authserver.models import Event as Row
from authserver.services.ledger import chain, linking

Event = dict[str, Any]
Line = tuple[int | None, str, Event]
Files = Callable[[], Iterable[bytes]]
WAITING_MAX = 2 * policy.LEDGER_LOOK_BACK  # an export is in the order of ids, which links follow no further apart


class NotReplayable(Exception):
    """Why these lines cannot be believed, as a sentence."""


@dataclass(frozen=True)
class Restored:
    """The ledger as it was restored: its head, and the ids of its first and last event."""

    link: int
    hash: bytes
    first: int
    last: int

    def holds(self, event: Event) -> bool:
        """Tell whether an event is in the backup, and all that it did. Of events older than the first, it is."""
        number = event["id"]
        return number < self.first or (number <= self.last and Row.objects.filter(pk=number).exists())


def restored() -> Restored:
    """Return the ledger as it is now. Ask before anything is recorded: what is, takes ids that lost events had."""
    ids = Row.objects.aggregate(first=Min("id"), last=Max("id"))
    return Restored(*linking.head(), ids["first"] or 0, ids["last"] or 0)


def believed(files: Files, *, after: Restored) -> Iterator[Event]:
    """Yield each event that the restored ledger lacks, once and whatever the order of the exports: those with a link in
    the order of the chain, each computed from the one before; then those that no export has a link of, as they were of
    its last seconds. `files` gives the lines from their beginning each time.

    Raises NotReplayable, where the first does not follow the head, one is missing, or one was changed. Nothing of these
    lines is to be believed then, so go through all of them before anything is done.
    """
    loose = {event["id"]: event for link, _, event in parsed(files()) if link is None}
    links = _Links(after.link, after.hash)
    for place, (link, said, event) in enumerate(parsed(files())):
        for found in [] if link is None else links.take(link, place, said, event):
            loose.pop(found["id"], None)
            if not after.holds(found):
                yield found
    if links.waiting:
        raise links.missing()
    yield from (loose[number] for number in sorted(loose) if not after.holds(loose[number]))


@dataclass
class _Links:
    """The links behind the head, as they come: a later one waits for those before it. What stands in the place of one
    that was passed already is not looked at again."""

    number: int
    hash: bytes
    waiting: list[tuple[int, int, str, Event]] = field(default_factory=list)

    def take(self, link: int, place: int, said: str, event: Event) -> list[Event]:
        """Return the events that follow now that this one is there. Raises NotReplayable."""
        if link == self.number and said != self.hash.hex():
            raise NotReplayable(f"link {link} is not the one of this database: the export is of another ledger")
        if link > self.number:
            heappush(self.waiting, (link, place, said, event))
        found = []
        while self.waiting and self.waiting[0][0] <= self.number + 1:
            found += self._follow(*heappop(self.waiting))
        if len(self.waiting) > WAITING_MAX:
            raise self.missing()
        return found

    def _follow(self, link: int, place: int, said: str, event: Event) -> list[Event]:
        if link <= self.number:
            return []
        digest = chain.link_hash(self.hash, chain.encode(event).encode())
        if said != digest.hex():
            raise NotReplayable(f"link {link} does not follow the one before it: a line was changed")
        self.number, self.hash = link, digest
        return [event]

    def missing(self) -> NotReplayable:
        return NotReplayable(f"link {self.number + 1} is missing: the exports have to begin where the backup ends")


def parsed(lines: Iterable[bytes]) -> Iterator[Line]:
    """Yield link, hash and event of each line. Raises NotReplayable, naming the line."""
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
            link, said, event = told["link"], told["hash"], told["event"]
            is_one = isinstance(event, dict) and set(event) == set(chain.COLUMNS)
            is_one = is_one and isinstance(event["detail"], dict) and type(event["id"]) is int
            is_linked = type(link) is int and isinstance(said, str)
        except (ValueError, KeyError, TypeError):
            is_one = is_linked = False
            link = said = event = None
        if not is_one or not (is_linked or (link is None and said is None)):
            raise NotReplayable(f"line {number} is no line of a ledger export")
        yield link, said or "", event
