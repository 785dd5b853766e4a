"""The real clients as a test sees them: a program of clients/ that takes orders and tells what it saw."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.contract import installed
from tests.contract.person import Person
from tests.contract.product import address

CLIENTS = installed.HERE / "clients"
ANSWER_SECONDS = 30


class App:
    """A client in a process of its own, and the lines that it has written."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def order(self, act: str, **details: Any) -> None:
        """Tell it what to do, without waiting for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": act} | details) + "\n")
        self._process.stdin.flush()

    def line(self) -> dict[str, Any]:
        """Return its next line; empty when it ended or said nothing for long."""
        with contextlib.suppress(queue.Empty):
            return json.loads(self._lines.get(timeout=ANSWER_SECONDS) or "{}")
        return {}

    def next(self, kind: str) -> Any:
        """Return what its next line says; a line of another kind is a failure."""
        told = self.line()
        assert kind in told, f"expected {kind!r}, the client said {told}\n{self._log.read_text()[-4000:]}"
        return told[kind]

    def authorize_url(self) -> str:
        """Return the address that it wants a browser for."""
        return self.next("authorize")

    def ask(self, act: str, **details: Any) -> Any:
        """Order, and return what it saw. A wish for a browser in between is a failure."""
        self.order(act, **details)
        return self.next("done")

    def call(self, tool: str, **arguments: str) -> str:
        """Call a tool and return its text."""
        return self.ask("call", tool=tool, arguments=arguments)

    def end(self) -> None:
        """End it and everything that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._reader.join()
        with self._process:
            pass


@contextlib.contextmanager
def running(client: str, url: str, folder: Path, *, document: str | None = None) -> Iterator[App]:
    """Run a program of clients/ against an MCP URL, with an empty home. It registers unless it has a document."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{client}.log"
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [*command_of(client), url, client, *([document] if document else [])],
            env=environment(folder),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    app = App(process, log)
    try:
        yield app
    finally:
        app.end()


@contextlib.contextmanager
def connected(client: str, url: str, folder: Path, *, person: Person, handle: str | None = None) -> Iterator[App]:
    """Run a program whose wish to connect the person has allowed. `handle` is chosen on the page (gateway only)."""
    with running(client, url, folder) as app:
        app.order("tools")
        person.allows(app.authorize_url(), handle=handle)
        assert {"whoami", "create_link"} <= set(app.next("done"))
        yield app


class Connections:
    """Clients that alice has connected at one place. They stay: while the others connect, credentials run out."""

    def __init__(self, place: str, *, ready: dict, alice: Person, folder: Path, stack: contextlib.ExitStack) -> None:
        kind, _, self.handle = place.partition(" ")
        self.place, self.ready, self.url = place, ready, address(ready, place)
        # Only the gateway leaves the choice of the handle to the person.
        self._choice = {"person": alice, "handle": self.handle if kind == "gateway" else None}
        self._folder, self._stack = folder, stack
        self._apps: dict[str, App] = {}

    def of(self, client: str) -> App:
        """Return a client, connected."""
        if client not in self._apps:
            app = connected(client, self.url, self._folder / client, **self._choice)
            self._apps[client] = self._stack.enter_context(app)
        return self._apps[client]


def command_of(client: str) -> list[str | Path]:
    """Return how a program of clients/ is started."""
    if client == "python1":
        return [installed.python1(), CLIENTS / "python1.py"]
    if client == "python2":
        return [sys.executable, CLIENTS / "python2.py"]
    return ["node", CLIENTS / f"{client}.mjs"]


def environment(home: Path) -> dict[str, str]:
    """A person's terminal, without a browser: the programs print the address, and the test opens it."""
    return {
        "HOME": str(home),
        "PATH": installed.path(),
        "BROWSER": "true",
        "MCP_AUTO_OPEN_ENABLED": "true",
        "NODE_OPTIONS": f"--import={CLIENTS / 'localhost.mjs'}",
    }
