"""Where node-oidc-provider keeps its things: filled as its adapters (in node/) would have filled them."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import redis

from benchmarks.peers import base
from benchmarks.peers.postgresql import PostgreSQL, batches
from benchmarks.seed.progress import Progress, step
from tests.servers import find_redis, free_port

HERE = Path(__file__).parent
LIFETIME_SECONDS = 30 * 24 * 3600  # of what is seeded
REWRITE_SECONDS = 300
SCHEMA = """
CREATE TABLE oidc (
  model text NOT NULL, id text NOT NULL, grant_id text, user_code text, uid text,
  payload jsonb NOT NULL, expires_at timestamptz
)"""
INDEXES = (
    "ALTER TABLE oidc ADD PRIMARY KEY (model, id)",
    "CREATE INDEX ON oidc (grant_id) WHERE grant_id IS NOT NULL",
    "CREATE INDEX ON oidc (uid) WHERE uid IS NOT NULL",
    "CREATE INDEX ON oidc (user_code) WHERE user_code IS NOT NULL",
    "CREATE INDEX ON oidc (expires_at)",
)


class Entry(NamedTuple):
    """One thing that the provider keeps."""

    model: str
    id: str
    grant_id: str
    payload: str  # JSON


class Store(Protocol):
    """Where the provider keeps its things; `url` tells its adapter."""

    url: str
    pids: tuple[int, ...]

    def put(self, entries: Iterable[Entry], *, progress: Progress | None = None) -> None: ...
    def settle(self) -> None: ...
    def stop(self) -> None: ...
    def versions(self) -> dict[str, str]: ...


class InPostgreSQL:
    """One table, indexed."""

    def __init__(self, folder: Path, port: int) -> None:
        self._database = PostgreSQL(folder, "oidc")
        self._database.run(SCHEMA)
        self._indexed = False
        connect = {"host": str(self._database.socket), "user": "postgres", "database": "oidc"}
        self.url = json.dumps(connect).replace("}", ', "max": POOL}')
        self.pids = (self._database.pid,)

    def put(self, entries: Iterable[Entry], *, progress: Progress | None = None) -> None:
        expires = time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(time.time() + LIFETIME_SECONDS))
        lines = (f"{model}\t{id}\t{grant or NULL}\t{payload}\t{expires}" for model, id, grant, payload in entries)
        self._database.copy("oidc", "model, id, grant_id, payload, expires_at", lines, progress=progress)

    def settle(self) -> None:
        if not self._indexed:
            self._database.run("SET maintenance_work_mem = '512MB'", *INDEXES)
            self._indexed = True
        self._database.settle()

    def stop(self) -> None:
        self._database.stop()

    def versions(self) -> dict[str, str]:
        return {"PostgreSQL": self._database.version}


NULL = r"\N"


class InRedis:
    """A Redis or Valkey that keeps an append-only file, synced every second."""

    def __init__(self, folder: Path, port: int) -> None:
        program = find_redis()
        if program is None:
            raise base.Missing("apt-get install redis-server (or valkey-server)")
        self._program, self._port = program, free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        durable = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--save",
            "",
            "--auto-aof-rewrite-percentage",
            "0",
        ]
        command = [program, "--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(folder), *durable]
        self._process = base.launch(command, log=folder / "redis.log", env={}, cwd=folder)
        base.wait_for(self._listens, self._process, folder / "redis.log")
        self.pids = (self._process.pid,)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def put(self, entries: Iterable[Entry], *, progress: Progress | None = None) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=120) as connection:
            for batch in batches(entries):
                commands = [command for entry in batch for command in writes(entry)]
                connection.sendall(b"".join(map(serialized, commands)) + serialized(("ECHO", "done")))
                answer = b""
                while not answer.endswith(b"$4\r\ndone\r\n"):
                    received = connection.recv(1 << 20)
                    if not received or received.startswith(b"-"):
                        raise RuntimeError(f"Redis refused: {received[:200]!r}")
                    answer = (answer + received)[-100:]
                if progress:
                    progress.add(len(batch))

    def settle(self) -> None:
        """Begin the append-only file, which then holds what was seeded; that much quicker than filling with it open."""
        step("append-only file")
        deadline = time.monotonic() + REWRITE_SECONDS
        with redis.Redis(port=self._port, decode_responses=True) as client:
            client.config_set("appendonly", "yes")
            while not _is_kept(client):
                if time.monotonic() > deadline:
                    raise RuntimeError("Redis does not finish its append-only file")
                time.sleep(0.2)

    def stop(self) -> None:
        base.end(self._process)

    def versions(self) -> dict[str, str]:
        text = base.run([self._program, "--version"], cwd=HERE)
        return {"Redis": next(part.removeprefix("v=") for part in text.split() if part.startswith("v="))}


def _is_kept(client: redis.Redis) -> bool:
    """Tell whether the append-only file is whole, and nothing but what comes new is written to it."""
    told = client.info("persistence")
    return bool(told["aof_current_size"]) and not (told["aof_rewrite_in_progress"] or told["aof_rewrite_scheduled"])


class InMemory:
    """The process's own memory."""

    url, pids = "", ()

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port

    def put(self, entries: Iterable[Entry], *, progress: Progress | None = None) -> None:
        for batch in batches(entries):
            lines = "\n".join(f"{entry.model}\t{entry.id}\t{entry.payload}" for entry in batch)
            request = urllib.request.Request(f"http://127.0.0.1:{self._port}/fill", lines.encode(), method="POST")
            urllib.request.urlopen(request, timeout=60).close()
            if progress:
                progress.add(len(batch))

    def settle(self) -> None:
        """Nothing is left to do."""

    def stop(self) -> None:
        """It ends with the process."""

    def versions(self) -> dict[str, str]:
        return {}


STORES: dict[str, Callable[[Path, int], Store]] = {"postgresql": InPostgreSQL, "redis": InRedis, "memory": InMemory}


def writes(entry: Entry) -> Iterator[tuple[str, ...]]:
    """The commands that the adapter would have sent for an entry."""
    key, lifetime = f"{entry.model}:{entry.id}", str(LIFETIME_SECONDS)
    if entry.model in ("AuthorizationCode", "RefreshToken"):
        yield ("HSET", key, "payload", entry.payload)
        yield ("EXPIRE", key, lifetime)
    else:
        yield ("SET", key, entry.payload, "EX", lifetime)
    if entry.grant_id:
        yield ("RPUSH", f"grant:{entry.grant_id}", key)
        yield ("EXPIRE", f"grant:{entry.grant_id}", lifetime)


def serialized(command: tuple[str, ...]) -> bytes:
    """A command in Redis's protocol; every part is ASCII."""
    return "".join([f"*{len(command)}\r\n", *(f"${len(part)}\r\n{part}\r\n" for part in command)]).encode()
