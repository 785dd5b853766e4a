"""Lines: requests that wait for the same kind of work are answered together.

There is no timer. While one statement is under way, whoever arrives waits, and the next statement takes all of them; so
the more there is to do, the less each costs. A statement begins after everybody it answers has arrived: what was
committed before a request came is seen by its answer.
"""

import asyncio
import logging
import time
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from authserver import policy
from authserver.telemetry import counts

log = logging.getLogger(__name__)
Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Unavailable(Exception):
    """This cannot be answered now: the line is full, the wait too long, or there is no database."""


class TooMany(Unavailable):
    """This is not answered now because of those who ask: too many of them wait."""


@dataclass(slots=True)
class Member(Generic[Asked, Told]):
    """Somebody in the line: what they ask, since when they wait, and where they are told."""

    asked: Asked
    arrived: float  # time.monotonic()
    tell: Callable[[Told | Exception], None]


class Line(ABC, Generic[Asked, Told]):
    """A waiting line. Everything here is the event loop's; `_serve` has the work done, here or elsewhere."""

    full: type[Unavailable] = Unavailable  # what one is told who finds the line full

    def __init__(
        self, name: str, *, at_once: int, members_max: int = policy.DOOR_MEMBERS_MAX, waiting_max: int = 0
    ) -> None:
        self.name = name
        self._waiting_max = waiting_max or policy.DOOR_WAITING_MAX
        self.loop: asyncio.AbstractEventLoop | None = None
        self._at_once = at_once  # how many statements or transactions may be under way
        self._members_max = members_max  # who share one
        self._busy = 0
        self._is_looking = False
        self._inside = 0
        self._waiting: deque[Member[Asked, Told]] = deque()
        counts.waiting[name] = lambda: self._inside

    @abstractmethod
    def _open(self) -> None:
        """Get ready to serve; the loop is known."""

    @abstractmethod
    def _serve(self, asked: list[Asked], told: Callable[[Sequence[Told | Exception]], None]) -> None:
        """Have these asked for; `told` is then called by the event loop with an outcome for each, in their order."""

    def ask(self, asked: Asked, tell: Callable[[Told | Exception], None]) -> None:
        """Ask for one. `tell` is called by the event loop with the outcome, or with what prevented it: Unavailable
        where it may be asked again."""
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self._open()
        if self._inside >= self._waiting_max:
            self.loop.call_soon(tell, self.full(f"{self.name}:full"))  # not at once: its answer may bring the next
            return
        self._inside += 1
        self._waiting.append(Member(asked, time.monotonic(), tell))
        if self._busy:
            self._look_later()
        else:
            self._busy += 1
            self.loop.call_soon(self._next)  # not at once: whoever is being read in this turn of the loop comes along

    def _look_later(self) -> None:
        """See to it that those who wait for long get a statement of their own, beside the one that holds them up."""
        if self._busy < self._at_once and not self._is_looking:
            assert self.loop
            self._is_looking = True
            self.loop.call_later(policy.DOOR_PATIENCE_SECONDS, self._look)

    def _look(self) -> None:
        self._is_looking = False
        if not self._waiting or self._busy >= self._at_once:
            return
        if self._waiting[0].arrived <= time.monotonic() - policy.DOOR_PATIENCE_SECONDS:
            self._busy += 1
            self._next()
        else:
            self._look_later()

    def _next(self) -> None:
        """Serve all who wait, as far as one statement takes them. Who waited too long is told so: they ask no more."""
        members: list[Member[Asked, Told]] = []
        oldest = time.monotonic() - policy.DOOR_SECONDS_MAX
        while self._waiting and len(members) < self._members_max:
            member = self._waiting.popleft()
            if member.arrived > oldest:
                members.append(member)
            else:
                self._inside -= 1
                member.tell(Unavailable(f"{self.name}:late"))
        if members:
            counts.MEMBERS_OF.note((self.name,), len(members))
            self._serve([member.asked for member in members], lambda outcomes: self._told(members, outcomes))
        else:
            self._busy -= 1

    def _told(self, members: list[Member[Asked, Told]], outcomes: Sequence[Told | Exception]) -> None:
        self._inside -= len(members)
        self._next()
        for member, outcome in zip(members, outcomes, strict=True):
            member.tell(outcome)

    def _log(self, error: BaseException) -> None:
        """Log an error by its kind and place. Never its text, which may hold what was to be stored."""
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        log.error("the line of %s failed: %s\n%s", self.name, type(error).__name__, where)
