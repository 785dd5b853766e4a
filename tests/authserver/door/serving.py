"""A real server on a port of its own, and a wire to it: bytes out, answers in."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests import migrated, servers
from tests.authserver.telemetry.eavesdropping import LISTENER

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 60
ANSWER_SECONDS = 15
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """One answer as it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Gone(Exception):
    """The server closed the connection."""


@dataclass
class Wire:
    """One connection to the server."""

    socket: socket.socket
    read: bytes = b""

    def send(self, data: bytes) -> Wire:
        self.socket.sendall(data)
        return self

    def _more(self) -> None:
        try:
            data = self.socket.recv(65_536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Gone
        self.read += data

    def line(self) -> bytes:
        """Return the head of what comes: up to an empty line."""
        while b"\r\n\r\n" not in self.read:
            self._more()
        head, _, self.read = self.read.partition(b"\r\n\r\n")
        return head

    def answer(self, *, has_body: bool = True) -> Answer:
        """Return the next answer. Raises Gone where the server closes instead."""
        first, *lines = self.line().decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0")) if has_body else 0
        while len(self.read) < length:
            self._more()
        body, self.read = self.read[:length], self.read[length:]
        return Answer(int(first.split()[1]), headers, body)

    def is_closed(self) -> bool:
        """Wait for the server to close; False where it says more instead."""
        try:
            self._more()
        except Gone:
            return True
        return False


@dataclass
class Serving:
    """A server under way."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @cached_property
    def world(self) -> dict[str, Any]:
        return json.loads((self.folder / "world.json").read_text())

    @property
    def token(self) -> str:
        return self.world["held"][0]["access"]

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(":".join(self.world["asker"]).encode()).decode()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def wire(self, *, address: str = "127.0.0.1") -> Wire:
        """Connect, from this address of the machine's own network."""
        source = (address, 0)
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS, source_address=source)
        self.stack.enter_context(connection)
        return Wire(connection)

    def question(self, token: str = "", *lines: str) -> bytes:
        """Return the bytes of a question about this credential, or a live one; with more header lines."""
        body = f"token={token or self.token}"
        return self.post("/oauth/introspect", body, f"Authorization: {self.basic}", f"Content-Type: {FORM}", *lines)

    def post(self, path: str, body: str, *lines: str) -> bytes:
        return self.request("POST", path, f"Content-Length: {len(body)}", *lines) + body.encode()

    def request(self, method: str, path: str, *lines: str) -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, "", ""]).encode()

    def is_answering(self) -> bool:
        """Tell whether an ordinary question gets its answer."""
        answer = self.wire().send(self.question()).answer()
        assert answer.status == 200, (answer.status, answer.body, self.log[-2_000:])
        return answer.json()["active"]

    @contextlib.contextmanager
    def holding(self) -> Iterator[Wire]:
        """Keep a statement under way inside the `with`; its asker waits at the wire that is yielded."""
        asker = self.wire().send(self.question("hold"))
        with (self.folder / "pipe").open("wb"):  # returns when the server has opened the other end
            yield asker

    def children(self) -> list[int]:
        """Return the ids of the processes that the server's first process started and that serve."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [pid for pid in map(int, listed.split()) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextlib.contextmanager
def running(folder: Path, *, workers: int = 1, **more: str) -> Iterator[Serving]:
    """Run the server of tests/authserver/door/server.py over a database in this folder."""
    port = servers.free_port()
    ours = {
        "DATA_DIR": str(folder),
        "SECRET_KEY": "a key for tests only, long enough to please every check",
        "DEBUG": "1",
        "DEMO": "0",
        "ISSUER": f"http://127.0.0.1:{port}",
        "ALLOWED_HOSTS": "testserver,127.0.0.1",
        "EMAIL_URL": "dummymail://",
        "LOG_LEVEL": "WARNING",
        "GUESSES_PER_MINUTE": "40",
        "TEST_DOOR_SERVER": "1",
        "DJANGO_SETTINGS_MODULE": "authserver.settings",
    }
    taken = ("DATABASE_URL", "CACHE_URL", "CELERY_BROKER_URL", "GATEWAY_URL", "HOSTED_URL", "COMPAT_URL")
    env = {name: value for name, value in os.environ.items() if name not in taken} | ours | more
    if "DATABASE_URL" not in more and not (folder / migrated.NAME).exists():  # a second server finds the first one's
        migrated.copy_to(folder / migrated.NAME)
    command = [sys.executable, "-m", "tests.authserver.door.server", str(port), str(workers)]
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
    serving = Serving(port, folder, process)
    try:
        wait(lambda: _listens(port) or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, serving.log
        with serving.stack:
            yield serving
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        LISTENER.read(folder / "log")


def wait(until: Any, seconds: float = ANSWER_SECONDS) -> None:
    """Return once it is so; an error where it takes too long."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
