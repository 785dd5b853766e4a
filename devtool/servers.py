"""The programs that `./dev up` starts: each with its log, its probe, and an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devtool.install import ROOT, fail, say

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 10
LOG_LINES_SHOWN_ON_FAILURE = 20


@dataclass
class Server:
    """One program that we started, its log, and how to see that it answers."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    log: Path
    port: int
    probe: str
    process: subprocess.Popen[bytes] | None = None
    bytes_shown: int = 0

    def start(self) -> None:
        """Start it in a process group of its own: Ctrl-C then reaches us alone, and we stop the whole group."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # Straight into a file, never through a pipe: a terminal that nobody reads must not block a server.
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        """Its process id, and that of its process group; 0 before it is started."""
        return self.process.pid if self.process else 0

    def answers(self) -> bool:
        """Ask the probe path; True on 200."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", self.probe, headers={"Host": f"{HOST}:{self.port}"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def check_alive(self) -> None:
        """Leave with its last log lines if it has ended."""
        if self.process is None or (code := self.process.poll()) is None:
            return
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN_ON_FAILURE:]
        fail("\n".join([f"the {self.name} ended with status {code}. Its last lines ({self.log}):", *lines]))

    def show_new_lines(self) -> None:
        """Copy what it has logged since the last time to a person's terminal."""
        if not sys.stdout.isatty():
            return
        with open(self.log, "rb") as log:
            log.seek(self.bytes_shown)
            new = log.read()
        self.bytes_shown += len(new)
        for line in new.decode(errors="replace").splitlines():
            say(f"{self.name:>20} | {line}")

    def signal(self, number: int) -> None:
        """Send a signal to it and to everything it has started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def wait(self) -> None:
        """Wait for its end; what is left of its group after a while is killed."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_TIMEOUT_SECONDS)
            self.signal(signal.SIGKILL)
            self.process.wait()


def die_with_parent() -> None:
    """Ask Linux to end this child should `./dev` itself be killed outright."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG


@contextlib.contextmanager
def running(servers: list[Server]) -> Iterator[None]:
    """Run the servers inside the `with`; on any way out nothing of them is left."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.signal(signal.SIGTERM)
        for server in servers:
            server.wait()


def wait_until_ready(servers: list[Server]) -> None:
    """Return when all of them answer. Leaves when one ends, or when it takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    waiting = list(servers)
    while waiting:
        waiting = [server for server in waiting if not server.answers()]
        for server in servers:
            server.check_alive()
        if waiting and time.monotonic() > deadline:
            fail(f"the {waiting[0].name} does not answer after {START_TIMEOUT_SECONDS} s. See {waiting[0].log}")
        time.sleep(0.03)
