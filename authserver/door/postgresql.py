"""Lines whose statements run on PostgreSQL while the event loop goes on: no thread, nothing to hand over."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from django.db.utils import load_backend

from authserver import policy
from authserver.door.lines import Asked, Line, Told, Unavailable
from authserver.services.statements import Rows, Statement, Steps, hang_up

# The statements of the door find single rows by index. Planning them anew costs more than running them; and a plan made
# while the tables were small must not read a whole table once they are not.
SETTINGS = {
    "statement_timeout": int(policy.DOOR_STATEMENT_SECONDS * 1000),
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
    "timezone": "UTC",
}
PARAMETERS: dict[str, Any] = {
    "prepare_threshold": 2,
    "connect_timeout": int(policy.DOOR_SECONDS_MAX),
    "tcp_user_timeout": int(policy.DOOR_SECONDS_MAX * 1000),
    "options": " ".join(f"-c {name}={value}" for name, value in SETTINGS.items()),
}
GRACE_SECONDS = 0.5  # after its own limit, until a database that keeps silent is given up
BROKEN_SECONDS_MAX = 1.0  # within which a broken connection shows
DJANGO_S_OWN = ("cursor_factory", "context", "prepare_threshold", "options", "pool")


class PostgresqlLine(Line[Asked, Told]):
    """A line that runs `steps` over what several ask. They only read: where a connection broke they run again on
    another one, and the members never notice; where they fail for several, they run for each alone."""

    def __init__(self, name: str, steps: Callable[[Sequence[Asked]], Steps[Sequence[Told]]]) -> None:
        super().__init__(name, at_once=2)
        self._steps = steps
        self._idle: list[psycopg.AsyncConnection[Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def _open(self) -> None:
        """Connections are opened when they are needed."""

    def _serve(self, asked: list[Asked], told: Callable[[Sequence[Told | Exception]], None]) -> None:
        assert self.loop
        task = self.loop.create_task(self._work(asked, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, asked: list[Asked], told: Callable[[Sequence[Told | Exception]], None]) -> None:
        told(await self._outcomes(asked))

    async def _outcomes(self, asked: list[Asked]) -> Sequence[Told | Exception]:
        try:
            return await self._run_or_again(asked)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._log(error)
            return [Unavailable(f"{self.name}:database")] * len(asked)
        except Exception as error:
            if len(asked) > 1:
                return [outcome for each in asked for outcome in await self._outcomes([each])]
            self._log(error)
            return [error]

    async def _run_or_again(self, asked: list[Asked]) -> Sequence[Told]:
        """Run the steps; once more, over a new connection, where the first one turned out to be broken."""
        began = time.monotonic()
        try:
            return await self._run(self._steps(asked))
        except (psycopg.OperationalError, psycopg.InterfaceError):
            if time.monotonic() - began > BROKEN_SECONDS_MAX:  # it took too long, and would again
                raise
            broken, self._idle = self._idle, []
            for connection in broken:
                await connection.close()
            return await self._run(self._steps(asked))

    async def _run(self, steps: Steps[Sequence[Told]]) -> Sequence[Told]:
        assert self.loop
        connection = self._idle.pop() if self._idle else await connect()
        end = self.loop.call_later(policy.DOOR_STATEMENT_SECONDS + GRACE_SECONDS, hang_up, connection)
        try:
            outcome = await run(steps, connection)
        except BaseException:
            await connection.close()
            raise
        finally:
            end.cancel()
        self._idle.append(connection)
        return outcome


async def run(steps: Steps[Told], connection: psycopg.AsyncConnection[Any]) -> Told:
    """Run the steps on this connection, rows in binary form: they take a tenth of the time to read."""
    try:
        statement = next(steps)
        while True:
            statement = steps.send(await fetch(statement, connection))
    except StopIteration as end:
        return end.value


async def fetch(statement: Statement, connection: psycopg.AsyncConnection[Any]) -> Rows:
    cursor = connection.cursor(binary=True)
    await cursor.execute(statement.text, statement.parameters or None)
    return await cursor.fetchall()


def door_database() -> dict[str, Any]:
    """Return Django's settings of the database as the door reaches it: past the pooler that others go through."""
    return connections.settings["default"] | settings.DOOR_DATABASE


def parameters(given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a connection of the door's: these, and its own. What the database address says of how
    long one host is waited for counts where it is shorter: there may be other hosts."""
    own = PARAMETERS["connect_timeout"]
    patience = min(int(given.get("connect_timeout") or own), own)
    return given | PARAMETERS | {"connect_timeout": patience}


async def connect() -> psycopg.AsyncConnection[Any]:
    """Open a connection as Django's settings have it, for statements alone, each of its own transaction."""
    database = door_database()
    given = load_backend(database["ENGINE"]).DatabaseWrapper(database).get_connection_params()
    kept: dict[str, Any] = {name: value for name, value in given.items() if name not in DJANGO_S_OWN}
    return await psycopg.AsyncConnection.connect(**parameters(kept), autocommit=True)
