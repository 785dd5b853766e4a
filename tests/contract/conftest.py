"""The real thing for contract tests: `./dev up` in a process of its own, on SQLite and on PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests import servers, tiers
from tests.contract import installed
from tests.contract.connections import Connections
from tests.contract.person import Person

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_SECONDS = 90
# Soon over, and yet longer than a few calls on a busy machine: the Python SDK signs in anew when a credential runs
# out on the way.
SHORT_LIFETIME_SECONDS = "8"


@contextlib.contextmanager
def running(folder: Path, *, database_url: str = "", **env: str) -> Iterator[dict]:
    """Run `./dev up` in its own data folder, on free ports. Yield the ready file (docs: `./dev up --ready-file`)."""
    ready_file, output = folder / "ready.json", folder / "up.log"
    command = [sys.executable, ROOT / "dev", "up", "--data", folder / "data", "--ready-file", ready_file]
    command += ["--port", str(servers.free_port()), "--resource-port", str(servers.free_port())]
    names = ("DATABASE_URL", "DATA_DIR", "DEBUG", "DEMO", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")
    clean = {name: value for name, value in os.environ.items() if name not in names} | env
    if database_url:
        clean["DATABASE_URL"] = database_url
    with open(output, "wb") as log:
        process = subprocess.Popen(command, env=clean, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"./dev up did not get ready:\n{output.read_text()}")
            time.sleep(0.05)
        yield json.loads(ready_file.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """The ready file of a running product, once per database."""
    folder = tmp_path_factory.mktemp(f"live-{request.param}")
    if request.param == "sqlite":
        with running(folder) as ready:
            yield ready
        return
    tiers.need(tiers.POSTGRESQL)
    with servers.postgresql() as url, running(folder, database_url=url) as ready:
        yield ready


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, browser_type_launch_args: dict) -> Iterator[Browser]:
    """A real browser. (pytest-playwright's `browser` would put these tests into another tier.)"""
    browser = playwright.chromium.launch(**browser_type_launch_args)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """The ready file of a running product whose credentials live a few seconds, so that a refresh is seen."""
    with running(tmp_path_factory.mktemp("short-lived"), ACCESS_TOKEN_LIFETIME_SECONDS=SHORT_LIFETIME_SECONDS) as ready:
        yield ready


@pytest.fixture(scope="session")
def clients(node: str) -> None:
    """The JavaScript clients, installed."""
    installed.javascript()


@pytest.fixture(scope="session")
def alice(chromium: Browser, short_lived: dict) -> Iterator[Person]:
    """Alice, owner of acme and globex, not signed in yet."""
    person = Person(chromium, short_lived, "alice@example.com")
    yield person
    person.close()


@pytest.fixture(scope="module")
def at(
    request: pytest.FixtureRequest,
    short_lived: dict,
    alice: Person,
    clients: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Connections]:
    """The clients at one of the three URLs; say which: `parametrize("at", ["gateway acme"], indirect=True)`."""
    with contextlib.ExitStack() as stack:
        folder = tmp_path_factory.mktemp("clients")
        yield Connections(request.param, ready=short_lived, alice=alice, folder=folder, stack=stack)
