"""One walk along the chain, link by link: what each covers is computed again, and what does not fit is named."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from authserver import policy
from authserver.models import Event, LedgerSeal
from authserver.services.ledger import chain, faults, reading
from authserver.services.ledger.faults import Fault
from authserver.services.ledger.reading import Linked, Row

NEARBY = 500  # how far from its place, in ids, the event of a changed link is looked for


@dataclass(frozen=True)
class Suspect:
    """A link whose hash does not follow from what is there. The next link tells which of the two was changed: it
    covers the hash as it was written."""

    linked: Linked
    computed: bytes | None
    fault: Fault


class Walk:
    """Where the walk stands, and what the next link has to fit."""

    def __init__(self, *, number: int, digest: bytes, seals: list[LedgerSeal]) -> None:
        self.number = number
        self.digest = digest
        self.latest: Row | None = None
        self._before: Row | None = None
        self._suspect: Suspect | None = None
        self._seals = {seal.last_link_id: seal for seal in seals}

    def step(self, linked: Linked) -> Iterator[Fault]:
        """Go on to one link; yield what is wrong up to it, as far as it is known by now."""
        follows = linked.link_id == self.number + 1
        yield from self._settled((lambda digest: _fits(digest, linked)) if follows else None)
        if not follows:
            yield faults.links_missing(self.number + 1, linked.link_id - 1)
        elif not _fits(self.digest, linked):
            computed = None if linked.content is None else chain.link_hash(self.digest, linked.content)
            self._suspect = Suspect(linked, computed, self._guess(linked))
        yield from self._out_of_time(linked)
        self.number, self.digest, self._before = linked.link_id, linked.hash, linked.row or self._before
        yield from self._at_seal()

    def end(self) -> Iterator[Fault]:
        """Yield what is wrong with the last link. Nothing behind it tells whether it or its event was changed."""
        suspect = self._suspect
        if suspect and suspect.fault == faults.event_changed(suspect.linked):
            yield faults.event_or_link_changed(suspect.linked)
        elif suspect:
            yield suspect.fault

    def _at_seal(self) -> Iterator[Fault]:
        """Yield what is wrong where a seal ends: it tells what the hash of this link was."""
        seal = self._seals.get(self.number)
        if seal:
            sealed = bytes(seal.hash)
            yield from self._settled(lambda digest: digest == sealed)
            if self.digest != sealed:
                yield faults.seal_unfit(seal.month, self.number)

    def _settled(self, is_right: Callable[[bytes], bool] | None) -> Iterator[Fault]:
        """Yield the verdict on the link under suspicion, by whatever tells which hash it had."""
        suspect, self._suspect = self._suspect, None
        if suspect is None:
            return
        if is_right and suspect.computed and is_right(suspect.computed) and not is_right(suspect.linked.hash):
            self.digest = suspect.computed
            yield faults.link_changed(suspect.linked, suspect.linked.row)
        else:
            yield suspect.fault

    def _guess(self, linked: Linked) -> Fault:
        """Return what is wrong with a link that does not fit, as far as it alone tells."""
        rightful = self._rightful(linked)
        if rightful:
            return faults.link_changed(linked, rightful)
        if linked.row is None:
            is_there = Event.objects.filter(id=linked.event_id).exists()
            return faults.event_unreadable(linked) if is_there else faults.event_missing(linked, self._before)
        return faults.event_changed(linked)

    def _rightful(self, linked: Linked) -> Row | None:
        """Return the event that the hash of a link is about, where that is not the one it names but one nearby."""
        near = self._before["id"] if self._before else linked.event_id
        rows = reading.events(range(near - NEARBY, near + NEARBY))
        for row in rows.values():
            content = reading.bytes_of(row) if row["id"] != linked.event_id else None
            if content and chain.link_hash(self.digest, content) == linked.hash:
                return row
        return None

    def _out_of_time(self, linked: Linked) -> Iterator[Fault]:
        """Yield a fault for an event that came later than its time lets believe."""
        row = linked.row
        if row is None or row["at"] is None:
            return
        if self.latest and row["at"] < self.latest["at"] - policy.LEDGER_DISORDER_MAX and not self._suspect:
            yield faults.event_inserted(row, self.latest)
        elif self.latest is None or row["at"] > self.latest["at"]:
            self.latest = row


def _fits(digest: bytes, linked: Linked) -> bool:
    """Tell whether a link covers this hash and its event."""
    return linked.content is not None and chain.link_hash(digest, linked.content) == linked.hash
