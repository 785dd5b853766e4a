"""What the contract tests share: a running product, a real browser, installed clients, a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Playwright

from tests.contract import installed, product
from tests.contract.apps import Connections
from tests.contract.person import Person


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, browser_type_launch_args: dict) -> Iterator[Browser]:
    """A real browser. (pytest-playwright's `browser` would put these tests into another tier.)"""
    browser = playwright.chromium.launch(**browser_type_launch_args)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """The ready file of a running product whose credentials live a few seconds, so that a refresh is seen."""
    with product.running(tmp_path_factory.mktemp("short-lived"), **product.SHORT_LIVED) as ready:
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
