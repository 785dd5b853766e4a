"""When an answer may be remembered, and when it may be given again.

The rule: only while the subscription is fresh; only what was asked while it was fresh, and has been since; and never an
answer whose question was sent before an event arrived. Whoever asks takes a ticket first; the ticket is void as soon as
anything was heard.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from math import inf

from resourceserver.events.cache import Answer, Cache, Entry
from resourceserver.events.subjects import Subject

LIFETIME_SECONDS = 30.0
MAX_ENTRIES = 20_000


def steady_clock() -> float:
    """Return seconds that never jump, and that go on while the machine sleeps where the system can count that."""
    # A laptop that wakes up would otherwise take an hour-old answer for one of a moment ago.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Memory:
    """The remembered answers of one resource server account. Not fresh until its subscription says so.

    ``clock`` counts seconds steadily, ``now`` is Unix time (for ``exp`` alone). Used from one event loop.
    """

    def __init__(
        self,
        account: str,
        *,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = steady_clock,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._account = account.encode()
        self._cache = Cache(max_entries=max_entries)
        self._clock = clock
        self._now = now
        self._fresh_until = -inf
        self._heard = 0

    def __len__(self) -> int:
        return len(self._cache)

    @property
    def is_fresh(self) -> bool:
        """Whether the news are known to have arrived in time."""
        return self._clock() <= self._fresh_until

    # What who asks calls

    def recall(self, credential: str) -> Answer | None:
        """Return the remembered answer about a credential, or None when the authorization server has to be asked."""
        return self._cache.get(self._key(credential), now=self._clock()) if self.is_fresh else None

    def ticket(self) -> int | None:
        """Return what ``remember`` needs, taken before the question is sent; None while not fresh."""
        return self._heard if self.is_fresh else None

    def remember(self, credential: str, answer: Answer, *, subject: Subject, expires_at: float, ticket: int) -> None:
        """Keep an active answer, unless anything was heard since its ticket. ``expires_at`` is in Unix seconds.

        The credential itself is not kept.
        """
        if ticket != self._heard or not self.is_fresh:
            return
        now = self._clock()
        good_until = now + min(LIFETIME_SECONDS, expires_at - self._now())
        if good_until > now:
            self._cache.put(self._key(credential), Entry(answer, subject, good_until), now=now)

    def _key(self, credential: str) -> bytes:
        return sha256(self._account + b"\0" + credential.encode()).digest()

    # What the subscription calls

    def keep_fresh(self, until: float) -> None:
        """Be fresh up to ``until`` (of the clock). After a gap it begins empty: in it, news may have been missed."""
        if not self.is_fresh:
            self.lose()
        self._fresh_until = max(self._fresh_until, until)

    def drop(self, subject: Subject) -> int:
        """Forget the answers an event is about, and void every ticket that is out; return how many were forgotten."""
        self._heard += 1
        return self._cache.drop(subject)

    def lose(self) -> None:
        """Forget everything, and be fresh no more."""
        self._heard += 1
        self._fresh_until = -inf
        self._cache.clear()
