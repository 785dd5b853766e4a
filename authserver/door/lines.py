"""Lines: requests that wait for the same kind of work are answered together, by a thread of the line.

There is no timer. While one statement is under way, whoever arrives waits, and the next statement takes all of them; so
the more there is to do, the less each costs. A statement begins after everybody it answers has arrived: what was
committed before a request came is seen by its answer.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
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
    told: "asyncio.Future[Told]"


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
        self._queue: SimpleQueue[Member[Asked, Told]] = SimpleQueue()
        self._inside = 0  # counted by the event loop alone
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, asked: Asked) -> Told:
        """Return the outcome for this one. Raises Unavailable."""
        if self._loop is None:
            self._open()
        if self._inside >= policy.DOOR_WAITING_MAX:
            raise Unavailable(f"{self.name}:full")
        assert self._loop
        member: Member[Asked, Told] = Member(asked, time.monotonic(), self._loop.create_future())
        self._inside += 1
        self._queue.put(member)
        return await member.told

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        Thread(target=self._work, name=f"line of {self.name}", daemon=True).start()

    def _work(self) -> None:
        own_connection.take()
        while True:
            members = self._next()
            outcomes = self._outcomes(members)
            assert self._loop
            self._loop.call_soon_threadsafe(self._tell, members, outcomes)

    def _next(self) -> list[Member[Asked, Told]]:
        """Wait for somebody, and take all who are there."""
        members = [self._queue.get()]
        try:
            while len(members) < self._members_max:
                members.append(self._queue.get_nowait())
        except Empty:
            pass
        return members

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
        for member, outcome in zip(members, outcomes, strict=True):
            if member.told.done():  # its client has gone
                continue
            if isinstance(outcome, Exception):
                member.told.set_exception(outcome)
            else:
                member.told.set_result(outcome)
