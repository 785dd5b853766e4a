"""What the contract tests share: a running product, a real browser, installed clients, a person."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests import document_host
from tests.contract import installed, product
from tests.contract.apps import Connections
from tests.contract.person import Person
from tests.document_host import DocumentHost


@pytest.fixture(autouse=True)
def _loop_of_its_own(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where Playwright has once run, its event loop counts as running in this thread for good, and nobody else could
    start one (asyncio.run). A test without a browser does not see it."""
    loop = asyncio._get_running_loop()
    if "playwright" not in request.fixturenames:
        asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop or asyncio._get_running_loop())


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, browser_type_launch_args: dict) -> Iterator[Browser]:
    """A real browser. (pytest-playwright's `browser` would put these tests into another tier.)"""
    browser = playwright.chromium.launch(**browser_type_launch_args)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DocumentHost, Path]]:
    """A host that publishes client ID metadata documents, and the authority that vouches for it."""
    with document_host.running(tmp_path_factory.mktemp("publisher")) as (host, authority):
        yield host, authority


@pytest.fixture(scope="session")
def short_lived(publisher: tuple[DocumentHost, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """The ready file of a running product whose credentials live a few seconds, so that a refresh is seen."""
    documents = {"INSECURE_CIMD_ALLOW_LOOPBACK": "1", "SSL_CERT_FILE": str(publisher[1])}
    with product.running(tmp_path_factory.mktemp("short-lived"), **product.SHORT_LIVED, **documents) as ready:
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
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("clients")
        yield Connections(request.param, ready=short_lived, alice=alice, folder=folder, stack=stack)
