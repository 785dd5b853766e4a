"""The remembered answers: found by key, dropped by what they are about. Pure: the caller says what time it is."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resourceserver.events.subjects import Subject

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One answer, whom it is about (all four known), and until when it may be given (seconds of the caller's clock)."""

    answer: Answer
    subject: Subject
    good_until: float


class Cache:
    """At most ``max_entries`` answers; when full, the one that was stored first gives way."""

    def __init__(self, *, max_entries: int = 20_000) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._index: dict[tuple[str, str], set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes, *, now: float) -> Answer | None:
        """Return the answer stored under ``key``, or None when there is none or it is over."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.good_until <= now:
            self._remove(key)
            return None
        return entry.answer

    def put(self, key: bytes, entry: Entry, *, now: float) -> None:
        """Store an answer in place of the one under the same key; what is over at the front goes."""
        self._remove(key)
        while self._entries:
            first = next(iter(self._entries))
            if len(self._entries) < self._max_entries and self._entries[first].good_until > now:
                break
            self._remove(first)
        self._entries[key] = entry
        for pair in entry.subject.pairs():
            self._index.setdefault(pair, set()).add(key)

    def drop(self, subject: Subject) -> int:
        """Drop the answers that ``subject`` is about, looking at no more than its rarest member names; return how
        many."""
        pairs = subject.pairs()
        if not pairs:
            return self.clear()
        rarest = min((self._index.get(pair, set()) for pair in pairs), key=len)
        gone = [key for key in rarest if subject.matches(self._entries[key].subject)]
        for key in gone:
            self._remove(key)
        return len(gone)

    def clear(self) -> int:
        """Drop everything; return how many answers that were."""
        count = len(self._entries)
        self._entries.clear()
        self._index.clear()
        return count

    def _remove(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for pair in entry.subject.pairs():
            keys = self._index[pair]
            keys.discard(key)
            if not keys:
                del self._index[pair]
