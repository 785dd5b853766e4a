"""Two authorization servers over one PostgreSQL, each of which may be killed outright and comes back."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import servers

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_SECONDS = 60
NODES = 2
SEED = ("-m", "benchmarks.soak.seed")


@dataclass
class Node:
    """One authorization server process on a port of its own."""

    port: int
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "authserver.serve", "--host", "127.0.0.1", "--port", str(self.port)]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """Kill -9, the worker and whoever would start it again."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                sys.exit(f"the server on port {self.port} did not start: see {self.log}")
            time.sleep(0.05)


@dataclass(frozen=True)
class Cluster:
    """The nodes, their database, and what was put into it."""

    nodes: list[Node]
    database_url: str
    env: dict[str, str]
    seeded: dict

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]


@contextlib.contextmanager
def running(*, connections: int, lifetime_seconds: int, seed: tuple[str, ...] = SEED, **more: str) -> Iterator[Cluster]:
    """Run two nodes over a PostgreSQL of our own, with so many connections in it: each of another client, unless
    another seed is named."""
    with servers.postgresql() as url, tempfile.TemporaryDirectory(prefix="gh-soak-", dir="/tmp") as folder:
        ports = [servers.free_port() for _ in range(NODES)]
        env = environment(url, Path(folder), lifetime_seconds=lifetime_seconds) | more
        env["ISSUER"] = f"http://127.0.0.1:{ports[0]}"
        run = [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"]
        subprocess.run(run, cwd=ROOT, env=env, check=True)
        fill = [sys.executable, *seed, str(connections)]
        seeded = json.loads(subprocess.run(fill, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE).stdout)
        nodes = [Node(port, env, Path(folder) / f"{port}.log") for port in ports]
        try:
            for node in nodes:
                node.start()
            for node in nodes:
                node.wait()
            yield Cluster(nodes, url, env, seeded)
        finally:
            for node in nodes:
                node.kill()


def environment(database_url: str, folder: Path, *, lifetime_seconds: int) -> dict[str, str]:
    ours = {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "for a soak, long enough for every check there is in it",
        "DEBUG": "1",
        "DEMO": "0",
        "LOG_LEVEL": "WARNING",
        "EMAIL_URL": "dummymail://",
        "ALLOWED_HOSTS": "testserver",
        "REGISTRATIONS_PER_MINUTE": "100000",
        "ACCESS_TOKEN_LIFETIME_SECONDS": str(lifetime_seconds),
        "DJANGO_SETTINGS_MODULE": "authserver.settings",
    }
    taken = ("CACHE_URL", "CELERY_BROKER_URL", "ISSUER", "GATEWAY_URL", "HOSTED_URL", "COMPAT_URL")
    return {name: value for name, value in os.environ.items() if name not in taken} | ours
