"""Fixtures that every folder shares: real servers, a real browser. The people everybody knows are in people.py."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from django.utils import timezone
from hypothesis import settings as property_tests
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from playwright.sync_api import expect
from pytest_django import DjangoDbBlocker

from authserver.door import metadata
from authserver.services.moving import issuers
from authserver.services.operations import clocks
from authserver.services.tools import manifests
from authserver.services.trace import notes
from authserver.services.usage import marks
from authserver.telemetry import counts, otlp, spans
from tests import document_host, servers, tampering, through_door, tiers
from tests.authserver.telemetry import eavesdropping
from tests.authserver.telemetry.eavesdropping import Eavesdropper
from tests.document_host import DocumentHost
from tests.people import App, World, make_world

PATIENCE_MS = 30_000  # with a page, as Playwright has with a click: how fast pages are is no matter of these tests

# Properties are about what is true, not about how fast a busy machine finds out.
property_tests.register_profile("no deadline", deadline=None)
property_tests.load_profile("no deadline")

# Fixtures and folders say which tier a test belongs to; nobody has to mark anything.
FIXTURE_TIERS = {
    "redis_url": "redis",
    "page": "browser",
    "context": "browser",
    "browser": "browser",
    "live": "contract",
    "playwright": "playwright",
}
FOLDER_TIERS = {"browser": "browser", "contract": "contract"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "redis: needs a real Valkey or Redis")
    config.addinivalue_line("markers", "playwright: leaves Playwright's event loop running in its process")
    config.addinivalue_line("markers", "covers(*ids): the requirements this test shows (tests/conformance/*.toml)")


@pytest.hookimpl(tryfirst=True)  # before pytest itself deselects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = os.path.dirname(__file__)
    for item in items:
        folder = os.path.relpath(item.path, tests).split(os.sep)[0]
        found = {FIXTURE_TIERS[name] for name in getattr(item, "fixturenames", ()) if name in FIXTURE_TIERS}
        for tier in found | {FOLDER_TIERS[folder]} if folder in FOLDER_TIERS else found:
            item.add_marker(tier)
        if lost := tiers.misplaced(item.path, {mark.name for mark in item.iter_markers()}):
            raise pytest.UsageError(f"{item.nodeid} would never run: {lost[0]} tests are in {tiers.HOMES[lost[0]]}")


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Rate limits count in the cache, the door keeps its metadata and whose a host is, introspection the tools of each
    version: no test may feel those of another."""
    cache.clear()
    metadata._newest.clear()
    issuers.of_host.cache_clear()
    manifests._kept.clear()


@pytest.fixture(autouse=True)
def _nothing_noted() -> None:
    """What one test noted in memory is not written in another one, where ids are given again."""
    marks.forget()
    notes.forget()
    counts.forget()


@pytest.fixture(scope="session", autouse=True)
def _listener() -> Iterator[Eavesdropper]:
    """Somebody who knows every secret hears every line that is logged in this run."""
    with eavesdropping.listening() as listener:
        yield listener


@pytest.fixture(autouse=True)
def _no_secret_is_logged(_listener: Eavesdropper) -> Iterator[None]:
    yield
    caught, _listener.caught = _listener.caught, []
    assert caught == [], "a secret was logged"


@pytest.fixture(scope="session", autouse=True)
def compared() -> Iterator[Callable[[Any], float]]:
    """The comparison of the clock with the database's, which no other test makes: where a test sets its clock, the
    database's would be set with it; and a task would ask the database once a minute, in a test that allows no
    database or counts its questions."""
    real = clocks.off_by
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clocks, "off_by", lambda database: 0.0)
        yield real


@pytest.fixture(scope="session", autouse=True)
def _tables_can_be_emptied() -> Iterator[None]:
    """Tests with real transactions empty every table when they end, which the ledger's triggers refuse: they are taken
    away for as long as that lasts. Nothing of the product knows a way around them."""
    flush = TransactionTestCase._fixture_teardown

    def bare_flush(case: Any) -> None:
        with tampering.laid_bare():
            flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", bare_flush)
        yield


@pytest.fixture(scope="session", autouse=True)
def _through_door() -> Iterator[None]:
    """Where the test run says so, requests go through the desks of the door."""
    with through_door.opened() if through_door.IS_ON else contextlib.nullcontext():
        yield


@pytest.fixture
def one_day() -> Iterator[None]:
    """A day that does not end within the test, for what counts queries: the administration's lists ask once more where
    their rows are of two days. To be asked for before every other fixture, as `usefixtures` does."""
    with time_machine.travel(timezone.now().replace(hour=12)):
        yield


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a real Valkey or Redis, empty and for this run only."""
    tiers.need(tiers.REDIS)
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node."""
    tiers.need(tiers.NODE)
    return servers.find_node() or ""


@pytest.fixture(scope="session")
def base_url() -> None:
    """Tests name whole addresses. (pytest-playwright's own fixture warns under pytest 9.2, and warnings are errors.)"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """How pytest-playwright starts a browser: the Chromium of the distribution, which talks to nobody but us."""
    tiers.need(tiers.CHROMIUM)
    expect.set_options(timeout=PATIENCE_MS)
    # Playwright's event loop runs in this thread, so that Django takes every query for one from async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    flags = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's sandbox refuses root
    return {**browser_type_launch_args, "executable_path": servers.find_chromium(), "args": flags}


@pytest.fixture
def world(db: None) -> World:
    """Everybody, in an empty database (tests/people.py)."""
    return make_world()


@pytest.fixture
def chatgpt(db: None) -> App:
    """The client ChatGPT, freshly registered."""
    return App.register()


@pytest.fixture
def spans_kept() -> Iterator[InMemorySpanExporter]:
    """Traces are on, and stay in memory."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use(otlp.Tracer(provider))
    yield exporter
    spans.use(None)


@pytest.fixture
def documents(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[DocumentHost]:
    """A host on this machine that publishes client ID metadata documents, as development allows it."""
    with document_host.running(tmp_path) as (host, authority):
        settings.INSECURE_CIMD_ALLOW_LOOPBACK = True
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        yield host


@pytest.fixture
def content_restored(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Put the content of migrations back once the test has emptied every table, whoever comes next. Ask for it before
    `transactional_db`."""
    yield
    with django_db_blocker.unblock():
        connection.creation.deserialize_db_from_string(connection._test_serialized_contents)  # type: ignore[attr-defined]
