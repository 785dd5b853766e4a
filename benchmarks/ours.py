"""Gatehouse itself as a server under load: over PostgreSQL or SQLite, seeded, started as production starts it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import importlib.metadata
import json
import platform
import random
import shutil
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

from benchmarks.load import Target
from benchmarks.peers import base
from benchmarks.peers.postgresql import SETTINGS
from benchmarks.seed.numbers import token_of
from benchmarks.soak.nodes import environment
from tests import servers

ROOT = Path(__file__).resolve().parent.parent
SERVE = (sys.executable, "-m", "authserver.serve")  # as production does (Dockerfile)
LIFETIME_SECONDS = 600  # of the access tokens that it issues
SAMPLE = 200_000  # access tokens that introspection asks for
CHAIN = 20_000  # refresh tokens that a chain begins with
REGISTRATIONS_PER_MINUTE = "1000000000"
LOCK_FILE = "chores.lock"  # authserver.chores.LOCK_FILE
DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
REGISTRATION = base.REGISTRATION.replace('"ChatGPT"', '"Client {}"')


class Gatehouse:
    """Obeys benchmarks.peers.base.Server. `memory` is PostgreSQL's shared_buffers; `sample` tokens are asked about."""

    def __init__(
        self, database: str = "postgresql", *, memory: str = SETTINGS["shared_buffers"], sample: int = SAMPLE
    ) -> None:
        self.name = f"Gatehouse, {DATABASES[database]}"
        self._database, self._memory, self._sample_size = database, memory, sample
        self._open = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.env: dict[str, str] = {}
        self.seeded: dict[str, int | str] = {}
        self.url = ""

    def start(self, folder: Path, *, connections: int, processes: int) -> None:
        """Start with so many live connections. A folder that was seeded before, by an earlier run too, is used again.

        Raises Missing without PostgreSQL, ValueError where the folder holds another number of connections.
        """
        base.end(self._process)
        if not self.env:
            self._folder = folder.resolve()
            self._open_database(connections)
        self.url = f"http://127.0.0.1:{servers.free_port()}"
        self.env["ISSUER"] = self.url
        command = [*SERVE, "--host", "127.0.0.1", "--port", self.url.rpartition(":")[2], "--workers", str(processes)]
        log = self._folder / "authserver.log"
        self._process = base.launch(command, log=log, env=self.env, cwd=ROOT)
        base.wait_for(lambda: base.answers(f"{self.url}/readyz"), self._process, log)

    def _open_database(self, connections: int) -> None:
        note = self._folder / "seeded.json"
        if not note.exists():  # never begun, or not finished
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o755)  # the user that PostgreSQL runs as has to pass
        self.env = environment(self._database_url(), self._folder, lifetime_seconds=LIFETIME_SECONDS)
        self.env["REGISTRATIONS_PER_MINUTE"] = REGISTRATIONS_PER_MINUTE
        self.run("manage.py", "migrate", "-v0")
        if not note.exists():
            note.write_text(self.run("-m", "benchmarks.seed", "fill", str(connections)))
        self.seeded = json.loads(note.read_text())
        if self.seeded["connections"] != connections:
            raise ValueError(f"{self._folder} holds {self.seeded['connections']:,} connections, not {connections:,}")
        self._take_the_chores()

    def _database_url(self) -> str:
        if self._database == "sqlite":
            return f"sqlite:///{self._folder / 'gatehouse.sqlite3'}"
        if servers.find_postgresql() is None:
            raise base.Missing("apt-get install postgresql")
        settings = SETTINGS | {"shared_buffers": self._memory}
        given = [f"{name}={value}" for name, value in settings.items()]
        return self._open.enter_context(servers.postgresql(data=self._folder / "data", settings=given))

    def _take_the_chores(self) -> None:
        """Hold the lock of the chores, as a worker on this machine would: the scheduled tasks run nowhere meanwhile."""
        lock = self._open.enter_context((self._folder / LOCK_FILE).open("a"))
        fcntl.flock(lock, fcntl.LOCK_EX)

    def run(self, *arguments: str) -> str:
        """Run Python in the server's environment, its progress on our stderr; return what it printed."""
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def made(self, act: str, count: int) -> str:
        """Have the seeder make more, and return its values, one per line: `codes`, `refresh`, `session`, `backlog`."""
        return self.run("-m", "benchmarks.seed", act, str(count), str(self._folder / "seeded.json"))

    def _values(self, act: str, count: int) -> Path:
        path = self._folder / f"{act}.txt"
        path.write_text(self.made(act, count))
        return path

    def targets(self, count: int) -> dict[str, Target]:
        """By path. Each call brings `count` fresh codes and names; refresh chains begin with what is seeded."""
        paths = ("introspection", "refresh", "code", "registration", "registration_equal", "metadata", "constant")
        return {path: self.target(path, count) for path in paths}

    def target(self, path: str, count: int) -> Target:
        """One of them."""
        token, client_id = f"{self.url}/oauth/token", str(self.seeded["client_id"])
        match path:
            case "introspection":
                asked = base.introspection(f"{self.url}/oauth/introspect", self._sample())
                headers = base.FORM | {"Authorization": self._authorization()}
                return dataclasses.replace(asked, headers=headers, expected='"connection_id"')
            case "refresh":
                return base.refresh(token, self._values("refresh", CHAIN), client_id)
            case "code":
                return base.code(token, self._values("codes", count), client_id)
            case "registration":
                names = base.write_values(self._folder / "names.txt", _names(count))
                fresh = base.registration(f"{self.url}/oauth/register")
                return dataclasses.replace(fresh, body=REGISTRATION, values=names, use="once")
            case "registration_equal":
                return base.registration(f"{self.url}/oauth/register")
        # A constant of the door, as all that it answers: the same listener, nothing looked up.
        return base.metadata(f"{self.url}/.well-known/oauth-authorization-server")

    def _sample(self) -> Path:
        path, count = self._folder / f"tokens-{self._sample_size}.txt", int(self.seeded["connections"])
        if not path.exists():
            base.write_values(path, map(token_of, random.sample(range(1, count + 1), min(self._sample_size, count))))
        return path

    def _authorization(self) -> str:
        pair = f"{self.seeded['asker_id']}:{self.seeded['asker_secret']}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    @property
    def server_pids(self) -> tuple[int, ...]:
        return (self._process.pid,) if self._process else ()

    @property
    def database_pids(self) -> tuple[int, ...]:
        """The process under which all of PostgreSQL's are; SQLite has none of its own."""
        pid_file = self._folder / "data" / "postmaster.pid"
        return (int(pid_file.read_text().split()[0]),) if self._database == "postgresql" else ()

    @property
    def pids(self) -> tuple[int, ...]:
        return self.server_pids + self.database_pids

    def stop(self) -> None:
        """End the server and its database. What was seeded stays in the folder."""
        base.end(self._process)
        self._process, self.env = None, {}
        self._open.close()

    def versions(self) -> dict[str, str]:
        found = {name: importlib.metadata.version(name) for name in ("django", "uvicorn", "psycopg")}
        store = {"SQLite": sqlite3.sqlite_version}
        if self._database == "postgresql":
            program = (servers.find_postgresql() or Path()) / "postgres"
            store = {"PostgreSQL": subprocess.check_output([program, "--version"], text=True).split()[2]}
        return {"Python": platform.python_version()} | found | store


def _names(count: int) -> list[str]:
    """So many names that nobody registered yet."""
    run = uuid.uuid4().hex[:8]
    return [f"{run} {number}" for number in range(count)]
