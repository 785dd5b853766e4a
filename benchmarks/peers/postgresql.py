"""A PostgreSQL for one server: every server's has the same settings, durable as an installed one is."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import psycopg

from benchmarks.peers.base import Missing
from tests.servers import find_postgresql

# fsync, synchronous_commit and full_page_writes stay on. The rest is what an operator of such a machine sets.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
}
START_SECONDS = 60
ROWS_AT_A_TIME = 5_000
PROGRESS_ROWS = 250_000


class PostgreSQL:
    """One cluster with one database, reached by a Unix socket alone."""

    def __init__(self, folder: Path, database: str) -> None:
        """Make an empty cluster in the folder and start it. Raises Missing."""
        programs = find_postgresql()
        if programs is None:
            raise Missing("apt-get install postgresql")
        self.database = database
        self.socket = Path(
            tempfile.mkdtemp(prefix="gh-pg-", dir="/tmp")
        )  # the name of a socket holds 107 bytes at most
        owner = _owner([folder, self.socket])
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **owner)
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [programs / "postgres", "-D", data, "-k", self.socket, *settings]
        with (folder / "postgresql.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder, start_new_session=True, **owner
            )
        self._wait()
        self.run(f'CREATE DATABASE "{database}"', database="postgres")

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.parameters("postgres")).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

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

    def copy(self, table: str, columns: str, lines: Iterable[str], *, label: str = "") -> None:
        """Fill a table with COPY from lines of its text format; with a label, say how far it is."""
        with psycopg.connect(self.parameters()) as connection:
            connection.execute("SET synchronous_commit = off")
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                written = 0
                for batch in batches(lines):
                    copy.write("\n".join(batch) + "\n")
                    written += len(batch)
                    if label and written % PROGRESS_ROWS == 0:
                        print(f"  {label}: {written:,} rows", flush=True)

    def settle(self) -> None:
        """Leave the database as one that has been there for long: statistics, visibility, nothing left to write."""
        self.run("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT")

    def stop(self) -> None:
        """End it, open connections or not."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
        shutil.rmtree(self.socket, ignore_errors=True)


def batches(lines: Iterable[str], size: int = ROWS_AT_A_TIME) -> Iterator[list[str]]:
    """The lines, so many at a time."""
    rest = iter(lines)
    while batch := list(islice(rest, size)):
        yield batch


def _owner(folders: list[Path]) -> dict:
    """Give the folders to an ordinary user when we are root (PostgreSQL refuses root). Return Popen's arguments."""
    if os.geteuid():
        return {}
    names = [entry.pw_name for entry in pwd.getpwall()]
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    for folder in folders:
        os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
