"""One real client on PostgreSQL, where transactions really run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests import servers, tiers
from tests.contract import apps, product
from tests.contract.person import Person

AT_ONCE = 12


@pytest.fixture
def on_postgresql(tmp_path: Path) -> Iterator[dict]:
    """The ready file of a product with short-lived credentials, on a PostgreSQL of its own."""
    tiers.need(tiers.POSTGRESQL)
    with (
        servers.postgresql() as url,
        product.running(tmp_path, database_url=url, **product.SHORT_LIVED) as ready,
    ):
        yield ready


def test_a_client_connects_refreshes_many_times_at_once_and_is_disconnected(
    on_postgresql: dict, chromium: Browser, clients: None, tmp_path: Path
) -> None:
    alice = Person(chromium, on_postgresql, "alice@example.com")
    url = on_postgresql["gateway_url"]
    with apps.connected("ts2", url, tmp_path / "home", person=alice, handle="acme") as app:
        app.ask("expire")
        answers = app.ask("calls", tool="whoami", times=AT_ONCE)
        assert all("acting for @acme" in answer for answer in answers), answers
        alice.disconnects("ts2", handle="acme")
        assert product.ask(url, app.ask("credential")) == (401, "invalid_token")
        app.order("call", tool="whoami")
        assert urlsplit(app.authorize_url()).path == "/oauth/authorize"
    alice.close()
