"""Tests that share a server and a world, a module at a time: nothing is emptied and filled between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Page
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from tests import tampering
from tests.browser.conftest import restore_catalog
from tests.browser.scenes import Stage
from tests.people import World, make_world


@pytest.fixture(scope="module")
def db(
    browser: object, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[LiveServer, World]]:
    """A server and everybody, for all tests of a module, none of which may disturb another. Its name is that of
    pytest-django's own, which makes a test database only where somebody asks for `db`."""
    with django_db_blocker.unblock():
        server, world = LiveServer("127.0.0.1"), make_world()
        yield server, world
        server.stop()
        with tampering.laid_bare():
            call_command("flush", verbosity=0, interactive=False)
        connections.close_all()
        restore_catalog()


@pytest.fixture
def stage(db: tuple[LiveServer, World], page: Page) -> Stage:
    """A browser page on the shared server: for scenes."""
    server, world = db
    return Stage(page, server.url, world)
