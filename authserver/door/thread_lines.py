"""Lines whose work is done by a thread, with Django's ORM on a database connection of the thread's own."""

import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db import connection as database
from django.db.utils import load_backend

from authserver import policy
from authserver.door.lines import Asked, Line, Told, Unavailable
from authserver.door.postgresql import BROKEN_SECONDS_MAX, door_database, parameters
from authserver.services.statements import hang_up

IDLE_SECONDS = 1.0  # after which a connection is looked at before it is used
LOOK_SECONDS = 0.5  # how often is looked for a database that keeps silent
SILENT_SECONDS = 2 * policy.DOOR_STATEMENT_SECONDS  # more than any work takes whose statements are answered
Work = tuple[list[Asked], Callable[[Sequence[Told | Exception]], None]]


class ThreadLine(Line[Asked, Told]):
    """A line that calls `act` with what several ask, and gets one outcome each, in their order.

    Where it fails for several, each is asked for alone, so that nobody fails for another. `is_repeatable` says that
    asking twice does no harm: then a database connection that broke is replaced and the members never notice. A line
    `one_by_one` is for those who may have to wait for a lock: there nobody waits for more than two others.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[Sequence[Asked]], Sequence[Told]],
        *,
        is_repeatable: bool,
        one_by_one: bool = False,
        waiting_max: int = 0,
    ) -> None:
        at_once, members_max = (2, 1) if one_by_one else (1, policy.DOOR_MEMBERS_MAX)
        super().__init__(name, at_once=at_once, members_max=members_max, waiting_max=waiting_max)
        self._act, self._is_repeatable = act, is_repeatable
        self._work: SimpleQueue[Work[Asked, Told]] = SimpleQueue()
        self._under_way: dict[int, tuple[float, Any]] = {}  # by thread: since when, and its database

    def _open(self) -> None:
        for _ in range(self._at_once):
            Thread(target=self._run, name=f"line of {self.name}", daemon=True).start()
        if database.vendor == "postgresql":
            self._look()

    def _look(self) -> None:
        """Break the connection to a database that keeps silent, so that its thread goes on."""
        assert self.loop
        for began, wrapper in list(self._under_way.values()):
            if wrapper.connection and time.monotonic() - began > SILENT_SECONDS:
                hang_up(wrapper.connection)
        self.loop.call_later(LOOK_SECONDS, self._look)

    def _serve(self, asked: list[Asked], told: Callable[[Sequence[Told | Exception]], None]) -> None:
        self._work.put((asked, told))

    def _run(self) -> None:
        take_own_connection()
        used_at = time.monotonic()
        while True:
            asked, told = self._work.get()
            began = time.monotonic()
            self._under_way[get_ident()] = (began, connections["default"])
            outcomes = self._safely(asked, was_idle=began - used_at > IDLE_SECONDS)
            del self._under_way[get_ident()]
            used_at = time.monotonic()
            assert self.loop
            self.loop.call_soon_threadsafe(told, outcomes)

    def _safely(self, asked: list[Asked], *, was_idle: bool) -> Sequence[Told | Exception]:
        """Return an outcome for each, whatever happens: a thread that ends would leave its line waiting for ever."""
        try:
            if was_idle:
                close_if_broken()
            return self._outcomes(asked)
        except Exception as error:
            self._log(error)
            return [error] * len(asked)

    def _outcomes(self, asked: list[Asked]) -> Sequence[Told | Exception]:
        began = time.monotonic()
        try:
            return self._act(asked)
        except (OperationalError, InterfaceError) as error:
            database.close()
            return self._once_more(asked, error, took_seconds=time.monotonic() - began)
        except Exception as error:
            if len(asked) > 1:
                return [outcome for each in asked for outcome in self._outcomes([each])]
            self._log(error)
            return [error]

    def _once_more(self, asked: list[Asked], broken: Exception, *, took_seconds: float) -> Sequence[Told | Exception]:
        """Ask again over a new database connection, where that can do no harm, and where it had only broken."""
        try:
            if self._is_repeatable and took_seconds < BROKEN_SECONDS_MAX:
                return self._act(asked)
        except (DatabaseError, InterfaceError) as error:
            broken = error
            database.close()
        self._log(broken)
        return [Unavailable(f"{self.name}:database")] * len(asked)


def take_own_connection() -> None:
    """Give this thread a database connection of its own, kept open, outside the pool of the pages."""
    settings = door_database()
    options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
    if database.vendor == "postgresql":
        options = {"server_side_binding": True} | parameters(options)
    own = settings | {"OPTIONS": options, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
    connections["default"] = load_backend(settings["ENGINE"]).DatabaseWrapper(own, "default")


def close_if_broken() -> None:
    """Close a connection that broke while nobody used it; the next statement opens another one."""
    wrapper = connections["default"]
    if wrapper.connection is not None and not wrapper.is_usable():
        wrapper.close()
