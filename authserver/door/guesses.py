"""Guesses: whoever is refused again and again waits in a line of their own.

A wrong secret, or a credential that nobody was ever given, is counted for the address and the id that it came with.
Beyond settings.GUESSES_PER_MINUTE nobody is refused for it: where millions come from one address with one client id,
the good ones would be refused too, and clients take that for the end of their connection. But one thread answers all of
them, so that nobody else waits behind them; and where too many of them wait, the next ones are told to come later. No
address and no id of one has all of the places: one guesser does not shut out those who are taken for others.

The good road pays nothing: what is counted is refused already, and counting is a thread's work, not the event loop's.
"""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Thread
from typing import Any

from authserver import policy
from authserver.door import http
from authserver.door.http import Request
from authserver.door.lines import TooMany
from authserver.door.thread_lines import ThreadLine
from authserver.throttles import admit_guesses, guess_key

log = logging.getLogger(__name__)
_noted: Queue[str] = Queue(policy.GUESSES_HELD_MAX)  # what comes beyond is not counted
_guessers: OrderedDict[str, float] = OrderedDict()  # by key, until when they are (time.monotonic())
_counting: list[Thread] = []


class GuessersLine(ThreadLine[Any, Any]):
    """The line of those who guess at one desk."""

    full = TooMany

    def __init__(self, name: str, act: Callable[[Sequence[Any]], Sequence[Any]], *, is_repeatable: bool) -> None:
        super().__init__(name, act, is_repeatable=is_repeatable, waiting_max=policy.GUESSERS_WAITING_MAX)
        self._held = Counter[str]()  # places, by what has a share of them

    def ask_within(self, shares: Mapping[str, int], asked: Any, tell: Callable[[Any], None]) -> None:
        """Ask for one that takes a place of each of these shares, which are no larger than said."""
        if any(self._held[name] >= most for name, most in shares.items()):
            asyncio.get_running_loop().call_soon(tell, TooMany(f"{self.name}:full"))
            return
        self._held.update(shares.keys())

        def told(outcome: Any) -> None:
            self._held.subtract(shares.keys())
            for name in shares:
                if not self._held[name]:
                    del self._held[name]
            tell(outcome)

        self.ask(asked, told)


@dataclass(frozen=True)
class Guessing:
    """What a desk has to say of guesses: which id a request names, which outcome is a guess, where guessers wait."""

    named: Callable[[Any], str]
    is_one: Callable[[Any], bool]
    line: GuessersLine


@dataclass(frozen=True)
class Place:
    """A way into a line of guessers, for one address with one id."""

    line: GuessersLine
    address: str
    key: str

    def ask(self, asked: Any, tell: Callable[[Any], None]) -> None:
        """As `Line.ask`; TooMany is told where the address, or its id, has its share of the places."""
        shares = {
            self.address: policy.GUESSERS_OF_ADDRESS_WAITING_MAX,
            self.key: policy.GUESSERS_OF_ID_WAITING_MAX,
        }
        self.line.ask_within(shares, asked, tell)


def place_for(guessing: Guessing, request: Request, asked: Any) -> Place | None:
    """Return the way into the line of guessers, where whoever asks is one of them."""
    if not _guessers:
        return None
    key = _key(request, guessing.named(asked))
    until = _guessers.get(key)
    if until is None:
        return None
    if until > time.monotonic():
        return Place(guessing.line, http.facts_of(request).counted, key)
    _guessers.pop(key, None)
    return None


def note(guessing: Guessing, request: Request, asked: Any) -> None:
    """Have one guess counted. Nothing is waited for."""
    if not _counting:
        _counting.append(Thread(target=_count, name="counting guesses", daemon=True))
        _counting[0].start()
    with suppress(Full):
        _noted.put_nowait(_key(request, guessing.named(asked)))


def _key(request: Request, named: str) -> str:
    return guess_key(http.facts_of(request).counted, named)


def _count() -> None:
    while True:
        keys = Counter([_noted.get()])
        with suppress(Empty):
            while len(keys) < policy.DOOR_MEMBERS_MAX:
                keys[_noted.get_nowait()] += 1
        try:
            for key, count in keys.items():
                take(key, count)
        except Exception as error:  # a thread that ends would count no more
            log.error("guesses are not counted: %s", type(error).__name__)


def take(key: str, count: int) -> None:
    """Count guesses; who is beyond the limit is a guesser until there is room again."""
    admitted = admit_guesses(key, count=count)
    if admitted.count < count:
        _guessers[key] = time.monotonic() + admitted.wait_seconds
        if len(_guessers) > policy.GUESSERS_MAX:
            _guessers.popitem(last=False)
