"""For the races: everybody in a database whose transactions are real, and threads that start at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from tests.people import World, make_world

DEADLINE_SECONDS = 60


@pytest.fixture
def crowd(content_restored: None, transactional_db: None, django_db_serialized_rollback: None) -> World:
    """Everybody, where each request commits for itself, as threads need it."""
    return make_world()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run every act in a thread of its own, released together; return what each returned, in order."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        gate.wait(DEADLINE_SECONDS)
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result(DEADLINE_SECONDS * 2) for each in [pool.submit(run, act) for act in acts]]


def wait_until(true: Callable[[], bool]) -> None:
    """Return as soon as something is so; fail when it does not come about."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def somebody_waits_for_a_lock() -> bool:
    """Tell whether another session of this PostgreSQL waits for a row that this one holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0
