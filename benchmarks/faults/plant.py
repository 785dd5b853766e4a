"""What runs: two nodes, a worker, a scheduler, over the stores. Whatever dies is started again, as a platform would."""

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults.cluster import Cluster
from benchmarks.faults.stores import Cache, Databases, until
from tests import servers

ROOT = Path(__file__).resolve().parent.parent.parent
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
START_SECONDS = 60.0
WEB = ("-m", "authserver.serve", "--host", "127.0.0.1", "--port")
WORKER = ("-m", "celery", "--app", "authserver", "worker", "--loglevel", "WARNING", "--concurrency", "2")
BEAT = ("-m", "celery", "--app", "authserver", "beat", "--loglevel", "WARNING", "--schedule")


@dataclass
class Process:
    """One process of the product, in a group of its own."""

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    folder: Path
    started: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.started += 1
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command], cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """Kill -9, with everything that it started."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Plant:
    """All of it."""

    folder: Path
    databases: Databases | Cluster
    cache: Cache
    env: dict[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    nodes: list[Process] = field(default_factory=list)
    worker: Process | None = None
    beat: Process | None = None
    seeded: dict[str, Any] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def is_ready(self, number: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[number], timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def jump(self, seconds: int) -> None:
        """Let the second node come back with its clock off by so many seconds; 0: right again."""
        self.nodes[1].env = with_clock(self.env, seconds) if seconds else self.env
        self.nodes[1].kill()


def environment(plant: Plant) -> dict[str, str]:
    ours = {
        "DATABASE_URL": plant.databases.url,
        "CACHE_URL": plant.cache.url(0),
        "CELERY_BROKER_URL": plant.cache.url(1),
        "DATA_DIR": str(plant.folder),
        "SECRET_KEY": "for a drill, long enough for every check that there is in it",
        "DEBUG": "1",
        "DEMO": "0",
        "LOG_LEVEL": "INFO",
        "EMAIL_URL": "dummymail://",
        "ALLOWED_HOSTS": "testserver",
        "REGISTRATIONS_PER_MINUTE": "1000000",
        "ACTS_PER_MINUTE": "1000000",  # two people act for many
        "ISSUER": plant.urls[0],
        "DJANGO_SETTINGS_MODULE": "authserver.settings",
    }
    taken = ("GATEWAY_URL", "HOSTED_URL", "COMPAT_URL", "ACCESS_TOKEN_LIFETIME_SECONDS")
    return {name: value for name, value in os.environ.items() if name not in taken} | ours


def with_clock(env: dict[str, str], seconds: int) -> dict[str, str]:
    """Return an environment with another wall clock; what is measured in monotonic time goes on as it was."""
    return env | {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@contextlib.contextmanager
def running(*, connections: int, stores: type[Databases] | type[Cluster] = Databases) -> Iterator[Plant]:
    """Run everything, with so many connections in the database."""
    with tempfile.TemporaryDirectory(prefix="gh-drill-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        plant = Plant(folder, stores(folder), Cache(), ports=[servers.free_port() for _ in range(2)])
        try:
            _start(plant, connections)
            yield plant
        finally:
            for process in (*plant.nodes, plant.worker, plant.beat):
                if process:
                    process.kill()
            plant.cache.kill()
            plant.databases.stop()


def _start(plant: Plant, connections: int) -> None:
    plant.databases.start()
    plant.cache.start()
    plant.env = environment(plant)
    run = [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"]
    subprocess.run(run, cwd=ROOT, env=plant.env, check=True)
    fill = [sys.executable, "-m", "benchmarks.soak.seed", str(connections)]
    done = subprocess.run(fill, cwd=ROOT, env=plant.env, check=True, stdout=subprocess.PIPE)
    plant.seeded = json.loads(done.stdout)
    plant.nodes = [
        Process(f"node{number}", (*WEB, str(port)), plant.env, plant.folder) for number, port in enumerate(plant.ports)
    ]
    plant.worker = Process("worker", WORKER, plant.env, plant.folder)
    plant.beat = Process("beat", (*BEAT, str(plant.folder / "schedule")), plant.env, plant.folder)
    for process in (*plant.nodes, plant.worker, plant.beat):
        process.start()
    for number in range(2):
        until(lambda number=number: plant.is_ready(number), "starting a node", START_SECONDS)


def supervise(plant: Plant, *, is_over: Any) -> None:
    """Start again whatever has died, a second later, until it is over."""
    while not is_over():
        time.sleep(1)
        for process in (*plant.nodes, plant.worker, plant.beat):
            if process and not process.is_up and not is_over():
                process.start()
