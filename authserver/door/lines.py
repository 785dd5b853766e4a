"""Lines: requests that wait for the same kind of work are answered together, by a thread of the line.

There is no timer. While one statement is under way, whoever arrives waits, and the next statement takes all of them; so
the more there is to do, the less each costs. A statement begins after everybody it answers has arrived: what was
committed before a request came is seen by its answer.
"""

import asyncio
import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError
from django.db import connection as database

from authserver import policy
from authserver.door import own_connection

log = logging.getLogger(__name__)
Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Unavailable(Exception):
    """This cannot be answered now: the line is full, the wait too long, or there is no database."""


@dataclass(slots=True)
class Member(Generic[Asked, Told]):
    """Somebody in the line: what they ask, since when they wait, and where they are told."""

    asked: Asked
    arrived: float  # time.monotonic()
    tell: Callable[[Told | Exception], None]


class Line(Generic[Asked, Told]):
    """A waiting line and the thread that answers it.

    `act` takes what several ask and returns one outcome each, in their order. Where it fails for several, each is asked
    for alone, so that nobody fails for another. `is_repeatable` says that asking twice does no harm: then a database
    connection that broke is replaced and the members never notice.
    """

    def __init__(
        self, name: str, act: Callable[[Sequence[Asked]], Sequence[Told]], *, members_max: int, is_repeatable: bool
    ) -> None:
        self.name = name
        self._act, self._members_max, self._is_repeatable = act, members_max, is_repeatable
        import os; self._threads=int(os.environ.get("LT","2"))
        self._waiting: deque[Member[Asked, Told]] = deque()  # the event loop's, like all that follows
        self._inside = 0
        self._busy = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: SimpleQueue[list[Member[Asked, Told]]] = SimpleQueue()

    def ask(self, asked: Asked, tell: Callable[[Told | Exception], None]) -> None:
        """Ask for one. `tell` is called by the event loop with the outcome, or with what prevented it: Unavailable where
        it may be asked again. Call it from the event loop."""
        if self._inside >= policy.DOOR_WAITING_MAX:
            tell(Unavailable(f"{self.name}:full"))
            return
        loop = self._loop or self._open()
        self._inside += 1
        self._waiting.append(Member(asked, time.monotonic(), tell))
        if self._busy < self._threads:
            self._busy += 1
            loop.call_soon(self._start)  # not at once: whoever is being read in this turn of the loop comes along

    def _open(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        for _ in range(self._threads):
            Thread(target=self._run, name=f"line of {self.name}", daemon=True).start()
        return self._loop

    def _start(self) -> None:
        """Hand all who wait to the thread, as far as one statement takes them."""
        count = min(len(self._waiting), self._members_max)
        if count:
            self._work.put([self._waiting.popleft() for _ in range(count)])
        else:
            self._busy -= 1

    def _run(self) -> None:
        own_connection.take()
        while True:
            members = self._work.get()
            outcomes = self._outcomes(members)
            assert self._loop
            self._loop.call_soon_threadsafe(self._tell, members, outcomes)

    def _outcomes(self, members: list[Member[Asked, Told]]) -> list[Told | Exception]:
        """Return an outcome or an exception for each. Who waited too long is not asked for any more: nobody listens."""
        oldest = time.monotonic() - policy.DOOR_SECONDS_MAX
        late = Unavailable(f"{self.name}:late")
        if members[0].arrived > oldest:  # the first came first
            return self._of([member.asked for member in members])
        waiting = [member for member in members if member.arrived > oldest]
        answered = iter(self._of([member.asked for member in waiting])) if waiting else iter(())
        return [next(answered) if member.arrived > oldest else late for member in members]

    def _of(self, asked: list[Asked]) -> list[Told | Exception]:
        try:
            own_connection.check()
            return list(self._act(asked))
        except (OperationalError, InterfaceError) as error:
            database.close()
            return self._once_more(asked, error)
        except Exception as error:
            if len(asked) > 1:
                return [outcome for each in asked for outcome in self._of([each])]
            self._log(error)
            return [error]

    def _once_more(self, asked: list[Asked], broken: Exception) -> list[Told | Exception]:
        """Ask again over a new database connection, where that can do no harm."""
        try:
            if self._is_repeatable:
                return list(self._act(asked))
        except DatabaseError as error:
            broken = error
            database.close()
        self._log(broken)
        return [Unavailable(f"{self.name}:database")] * len(asked)

    def _log(self, error: Exception) -> None:
        """Log an error by its kind and place. Never its text, which may hold what was to be stored."""
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        log.error("the line of %s failed: %s\n%s", self.name, type(error).__name__, where)

    def _tell(self, members: list[Member[Asked, Told]], outcomes: list[Told | Exception]) -> None:
        self._inside -= len(members)
        self._start()
        for member, outcome in zip(members, outcomes, strict=True):
            member.tell(outcome)
