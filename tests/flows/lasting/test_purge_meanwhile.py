"""The purge, several at once, while clients refresh: in threads, against a database that really locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from authserver.models import AccessToken, Connection, Event, RefreshToken
from authserver.protocol import credentials
from authserver.services import batches
from authserver.tasks import purge_expired
from tests.flows.changes import live_connections
from tests.flows.test_parallel import at_once
from tests.people import App, Tokens, make_world, tokens_of

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
EXPIRED = 300
REFRESHES = 6


@pytest.fixture(scope="module", autouse=True)
def _catalog_comes_back(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests with real transactions empty every table when they end; whoever comes next finds the catalog again."""
    yield
    with django_db_blocker.unblock():
        connection.creation.deserialize_db_from_string(connection._test_serialized_contents)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 20)


def bury(held: Connection) -> None:
    """Give a connection what it left behind in a month: many credentials that expired."""
    long_ago = timezone.now() - timedelta(days=1)
    for model in (RefreshToken, AccessToken):
        model.objects.bulk_create(
            model(
                connection=held,
                digest=credentials.digest(f"{held.pk} {number}"),
                issued_at=long_ago,
                expires_at=long_ago + timedelta(seconds=number),
            )
            for number in range(EXPIRED)
        )


def test_clients_refresh_while_two_workers_purge_and_nobody_loses_anything() -> None:
    world, app = make_world(), App.register()
    held = [world.connect(world.alice, app, handle=handle) for handle in ("acme", "globex")]
    for row in Connection.objects.all():
        bury(row)

    def go_on(first: Tokens) -> Callable[[], Tokens]:
        def refresh() -> Tokens:
            mine, tokens = App(app.client_id), first
            for _ in range(REFRESHES):
                tokens = tokens_of(mine.refresh(tokens.refresh))
            return tokens

        return refresh

    acts: list[Callable[[], Any]] = [*(go_on(each) for each in held), purge_expired, purge_expired]
    *last, one, other = at_once(acts)
    assert one + other == len(held) * EXPIRED * 2
    assert live_connections() == len(held)
    assert all(world.asker.is_active(tokens.access) for tokens in last)
    assert RefreshToken.objects.count() == len(held) * (REFRESHES + 1)
    assert all(app.refresh(each.refresh).status_code == 200 for each in held)  # the first ones still lead to the last


def test_a_connection_whose_last_token_expires_is_ended_once_by_workers_who_come_at_once() -> None:
    world, app = make_world(), App.register()
    world.connect(world.alice, app, handle="acme")
    long_ago = timezone.now() - timedelta(days=60)
    for model in (RefreshToken, AccessToken):
        model.objects.update(expires_at=long_ago)
    at_once([purge_expired, purge_expired, purge_expired])
    ended = Connection.objects.get()
    assert ended.end_reason == "unused"
    assert (RefreshToken.objects.count(), AccessToken.objects.count()) == (0, 0)
    assert Event.objects.filter(tag="connection:revoked", connection_id=ended.pk).count() == 1
