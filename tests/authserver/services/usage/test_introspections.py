"""Questions about a connection: counted per process and day, written in one statement, lost by no race or outage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError
from django.db import connection as database

from authserver import policy
from authserver.models import Connection, ConnectionUse
from authserver.services import introspection
from authserver.services.connections import Issued
from authserver.services.usage import introspections
from tests.attacks.conftest import at_once
from tests.authserver.services.conftest import NOW
from tests.people import App, World, make_world

TODAY = NOW.date()
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    introspections._counts.clear()
    yield
    introspections._counts.clear()


@pytest.fixture
def held(pair: Issued) -> str:
    return str(Connection.objects.get().pk)


def written() -> dict[Any, int]:
    return dict(ConnectionUse.objects.values_list("day", "introspections"))


def test_every_active_answer_counts_and_no_other(world: World, pair: Issued, held: str) -> None:
    for token in (pair.access_token, pair.access_token, "mcpv1_" + "0" * 49, pair.refresh_token or ""):
        introspection.describe(token, asker_id=world.asker.id, asker_secret=world.asker.secret, now=NOW)
    introspection.describe(
        pair.access_token, asker_id=world.other_asker.id, asker_secret=world.other_asker.secret, now=NOW
    )
    introspection.describe(pair.access_token, asker_id=world.asker.id, asker_secret="wrong", now=NOW)
    assert introspections._counts == {(held, TODAY): 2}


def test_counting_asks_the_database_nothing(held: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        introspections.add(held, TODAY)


def test_days_are_kept_apart_and_added_to(held: str) -> None:
    for _ in range(3):
        introspections.add(held, TODAY)
    introspections.add(held, TODAY + DAY)
    assert introspections.flush() == 2
    introspections.add(held, TODAY)
    assert introspections.flush() == 1
    assert written() == {TODAY: 4, TODAY + DAY: 1}


def test_what_was_written_is_not_written_again(held: str) -> None:
    introspections.add(held, TODAY)
    assert (introspections.flush(), introspections.flush()) == (1, 0)
    assert written() == {TODAY: 1}


def test_nothing_counted_writes_nothing(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert introspections.flush() == 0


def test_many_connections_are_one_statement(held: str, django_assert_num_queries: Any) -> None:
    for day in range(400):
        introspections.add(held, TODAY + day * DAY)
    with django_assert_num_queries(3):  # BEGIN or SAVEPOINT, the statement, and its end
        introspections.flush()
    assert len(written()) == 400


def test_a_connection_that_is_gone_does_not_keep_the_others_from_being_written(held: str) -> None:
    introspections.add(str(uuid4()), TODAY)
    introspections.add(held, TODAY)
    introspections.flush()
    assert written() == {TODAY: 1}


def test_while_the_database_is_away_counting_goes_on_and_nothing_is_lost(held: str) -> None:
    introspections.add(held, TODAY)

    def refuse(*_: object) -> None:
        raise DatabaseError("away")

    with database.execute_wrapper(refuse), pytest.raises(DatabaseError):
        introspections.flush()
    introspections.add(held, TODAY)
    introspections.flush()
    assert written() == {TODAY: 2}


def test_what_is_held_through_an_outage_is_bounded(held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "USAGE_CONNECTIONS_HELD_MAX", 3)
    for _ in range(5):
        introspections.add(held, TODAY)
        introspections.add(str(uuid4()), TODAY)

    def refuse(*_: object) -> None:
        raise DatabaseError("away")

    for _ in range(3):
        with database.execute_wrapper(refuse), pytest.raises(DatabaseError):
            introspections.flush()
    assert len(introspections._counts) == 3


def test_no_count_is_lost_between_threads_that_count_and_flush(
    content_restored: None, transactional_db: None, django_db_serialized_rollback: None
) -> None:
    world = make_world()
    world.connect(world.alice, App.register(), handle="acme")
    held = str(Connection.objects.get().pk)

    def count() -> None:
        for _ in range(2_000):
            introspections.add(held, TODAY)

    def write() -> None:
        for _ in range(20):
            introspections.flush()

    at_once(count, count, count, write, write)
    introspections.flush()
    assert written() == {TODAY: 6_000}
