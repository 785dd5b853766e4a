"""Tests that share a server and a world, a module at a time: nothing is emptied and filled between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from playwright.sync_api import Page
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from tests import tampering
from tests.browser.conftest import restore_catalog
from tests.browser.scenes import Stage, furnish
from tests.people import World, make_world

# Somewhere else to sign in: every sign-in page has all ways. Nobody goes there.
ELSEWHERE = {
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "acme",
                "name": "Acme Login",
                "client_id": "us",
                "secret": "a secret for pictures only",
                "settings": {"server_url": "https://login.acme.example"},
            }
        ]
    }
}


@pytest.fixture(scope="module")
def db(
    browser: object, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[LiveServer, World]]:
    """A server and everybody, for all tests of a module, none of which may disturb another. Its name is that of
    pytest-django's own, which makes a test database only where somebody asks for `db`."""
    with django_db_blocker.unblock(), override_settings(SOCIALACCOUNT_PROVIDERS=ELSEWHERE):
        server, world = LiveServer("localhost"), make_world()  # a name: a number cannot have passkeys
        furnish(world)
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
