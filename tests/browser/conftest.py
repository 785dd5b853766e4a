"""A real browser on the real pages, and the site of a client that answers. Nothing leaves this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from threading import Thread
from typing import Any

import pytest
from django.apps import apps
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Route

from tests.browser import owed
from tests.people import PASSWORD, App

Inspect = Callable[[Page], None]


@pytest.fixture
def catalog_restored(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Load what the migrations load once more, after a test with a live server has emptied every table.

    (Django's own way, `serialized_rollback`, keeps the content on a connection that Playwright's thread never sees.)
    """
    yield
    with django_db_blocker.unblock():
        restore_catalog()


def restore_catalog() -> None:
    import_module("authserver.migrations.0002_catalog").load(apps, None)
    import_module("authserver.migrations.0005_ledger_triggers").make_state(apps, None)


@pytest.fixture
def transactional_db(catalog_restored: None, transactional_db: None) -> None:
    """pytest-django's, which `live_server` brings: its flush comes before the catalog is restored."""


@pytest.fixture
def home(live_server: Any) -> str:
    """The origin of the running product."""
    return live_server.url


class ClientSite(ThreadingHTTPServer):
    """The site of a client: answers every GET with a page, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ClientPage)
        self.visits: list[str] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def callback(self) -> str:
        return f"{self.origin}/callback"


class ClientPage(BaseHTTPRequestHandler):
    server: ClientSite

    def do_GET(self) -> None:
        if self.path != "/favicon.ico":
            self.server.visits.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Client</title><p>You are back")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def client_site() -> Iterator[ClientSite]:
    with ClientSite() as site:
        Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()


@pytest.fixture
def app(db: None, client_site: ClientSite) -> App:
    """The client ChatGPT, its callback on a site that answers."""
    return App.register(redirect_uri=client_site.callback)


@pytest.fixture(autouse=True)
def _nothing_from_elsewhere(context: BrowserContext) -> Iterator[None]:
    """Hold that no page asks for anything from another machine."""
    foreign: list[str] = []

    def answer(route: Route) -> None:
        foreign.append(route.request.url)
        route.abort()

    context.route(re.compile(r"^https?://(?!localhost:|127\.0\.0\.1:)"), answer)
    yield
    assert foreign == []


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser says to its console: a page that breaks its own policy, a missing file, a script's error."""
    heard: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        is_own_status = message.location["url"] == page.url  # a page that answers 403 is no missing file
        if message.type in ("error", "warning") and not is_own_status:
            heard.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


@pytest.fixture
def inspect(complaints: list[str]) -> Inspect:
    """Hold the page in front to what every page owes (owed.py), and to silence on its console."""

    def look(page: Page) -> None:
        page.wait_for_load_state("load")  # words can be there before the stylesheet is
        page.evaluate("document.fonts.ready.then(() => null)")  # and in another font, which needs other room
        assert page.title()
        assert owed.faults(page) == []
        assert complaints == []

    return look


def sign_in(page: Page, email: str) -> None:
    """Fill in the sign-in page in front, as a person would."""
    page.get_by_role("textbox", name="Email", exact=True).fill(email)
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
