"""A PostgreSQL for one server: every server's has the same settings, durable as an installed one is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import psycopg

from benchmarks.peers.base import Missing
from benchmarks.seed.progress import Progress, step
from tests.servers import find_postgresql, postgresql

# fsync, synchronous_commit and full_page_writes stay on. The rest is what an operator of such a machine sets.
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
}
ROWS_AT_A_TIME = 5_000
Thing = TypeVar("Thing")


class PostgreSQL:
    """One cluster with one database, reached by a Unix socket alone."""

    def __init__(self, folder: Path, database: str) -> None:
        """Make an empty cluster in the folder and start it. Raises Missing."""
        if find_postgresql() is None:
            raise Missing("apt-get install postgresql")
        self.database, self._open = database, contextlib.ExitStack()
        settings = [f"{name}={value}" for name, value in SETTINGS.items()]
        url = self._open.enter_context(postgresql(data=folder / "data", settings=settings))
        self.socket = url.partition("@/")[2].rpartition("/")[0]
        self.pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        self.run(f'CREATE DATABASE "{database}"', database="postgres")

    def parameters(self, database: str = "") -> str:
        """The connection string of libpq."""
        return f"host={self.socket} user=postgres dbname={database or self.database}"

    @property
    def version(self) -> str:
        return str(self.run("SHOW server_version")[0][0])

    def run(self, *statements: str, database: str = "") -> list[tuple]:
        """Run statements outside of a transaction; return the rows of the last."""
        with psycopg.connect(self.parameters(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def copy(self, table: str, columns: str, lines: Iterable[str], *, progress: Progress | None = None) -> None:
        """Fill a table with COPY from lines of its text format, and say how far it is."""
        with psycopg.connect(self.parameters()) as connection:
            connection.execute("SET synchronous_commit = off")
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for batch in batches(lines):
                    copy.write("\n".join(batch) + "\n")
                    if progress:
                        progress.add(len(batch))

    def settle(self) -> None:
        """Leave the database as one that has been there for long: statistics, visibility, nothing left to write."""
        step("statistics")
        self.run("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT")

    def stop(self) -> None:
        """End it, open connections or not."""
        self._open.close()


def batches(things: Iterable[Thing], size: int = ROWS_AT_A_TIME) -> Iterator[list[Thing]]:
    """The things, so many at a time."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch
