"""A process whose clock is off, or has jumped and was not compared since, judges nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from celery.exceptions import Ignore
from django.db import DatabaseError, connection
from django.test import Client as Http
from django.utils.asyncio import async_unsafe

from authserver import tasks
from authserver.door.pages import Pages
from authserver.models import AccessToken
from authserver.services.operations import clocks
from tests import through_door
from tests.people import App, World

pytestmark = pytest.mark.covers("OPS-1")
HALF_AN_HOUR = 1_800.0


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A node over a database of another machine; `off_by` and `jumped` are set by tests, in seconds."""
    node = SimpleNamespace(off_by=0.0, jumped=0.0, looks=0)

    @async_unsafe  # as every question to a database is
    def looked(database: Any) -> float:
        node.looks += 1
        if isinstance(node.off_by, Exception):
            raise node.off_by
        return node.off_by

    for name, value in {"_watched": False, "_right_at": None, "_looked_at": 0.0, "_is_told": False}.items():
        monkeypatch.setattr(clocks, name, value)
    monkeypatch.setattr(clocks, "connection", SimpleNamespace(vendor="postgresql", close=lambda: None))
    monkeypatch.setattr(clocks, "off_by", looked)
    monkeypatch.setattr(clocks, "_gap", lambda: time.time() - time.monotonic() + node.jumped)
    return node


@pytest.mark.django_db
def test_a_clock_is_compared_with_the_databases(compared: Callable[[Any], float]) -> None:
    assert compared(connection) == 0
    with time_machine.travel(time.time() + HALF_AN_HOUR):
        assert (compared(connection) > HALF_AN_HOUR - 60) == (connection.vendor == "postgresql")


def test_a_server_compares_its_clock_from_within_its_event_loop(node: SimpleNamespace) -> None:
    async def load_application() -> None:
        clocks.start()

    asyncio.run(load_application())
    assert (clocks.is_right(), node.looks) == (True, 1)


def test_a_clock_is_trusted_once_it_was_compared_and_until_it_jumps(
    node: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    assert clocks.is_right()  # nobody looks yet
    node.off_by = DatabaseError("away")
    clocks.start()
    assert not clocks.is_right()
    node.off_by = 0.0
    for _ in range(3):
        clocks.watch()
    assert (clocks.is_right(), node.looks) == (True, 2)
    for node.jumped in (HALF_AN_HOUR, -HALF_AN_HOUR, clocks.SKEW_SECONDS + 1):
        assert not clocks.is_right()
    node.off_by = node.jumped = HALF_AN_HOUR
    clocks.watch()
    clocks.watch()
    assert not clocks.is_right()
    node.off_by = 0.0  # the machine slept: its clock is right, and the time that only goes on stood still
    clocks.watch()
    assert clocks.is_right()
    said = [record.getMessage() for record in caplog.records if record.name == clocks.__name__]
    assert said == [
        "the clock was not compared: DatabaseError",
        "this node's clock is off by 1800 s: it answers 503 and does no work",
        "this node's clock is right again",
    ]


def test_a_clock_that_goes_wrong_slowly_is_noticed_within_a_minute(node: SimpleNamespace) -> None:
    clocks.start()
    node.off_by = 60.0
    clocks.watch()
    assert clocks.is_right()
    clocks._looked_at -= clocks.LOOKED_AT_SECONDS + 1
    clocks.watch()
    assert not clocks.is_right()


def test_nothing_is_judged_at_the_door_nor_by_a_page_while_it_is_off(
    node: SimpleNamespace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App.register()
    held = world.connect(world.alice, app, handle="acme")
    node.off_by = HALF_AN_HOUR
    clocks.start()
    with through_door.opened():
        answers = [world.asker.ask(held.access), app.refresh(held.refresh or "")]
        assert Http().get("/livez").status_code == 200
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer["Retry-After"]
    assert page("/connections") == 503
    node.off_by = 0.0
    clocks.watch()
    with through_door.opened():
        assert world.asker.is_active(held.access)
        assert app.refresh(held.refresh or "").status_code == 200


def page(path: str) -> int:
    """Return the status of a page, as the listener asks for it."""
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    scope = {"type": "http", "path": path, "headers": [], "client": ("192.0.2.1", 1)}
    asyncio.run(Pages()(scope, lambda: asyncio.sleep(0, {"type": "http.disconnect"}), send))
    return int(told[0]["status"])


def test_no_task_begins_while_it_is_off(node: SimpleNamespace, world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    AccessToken.objects.update(expires_at="2020-01-01T00:00:00Z")
    node.off_by = HALF_AN_HOUR
    with pytest.raises(Ignore):
        tasks.purge_expired()
    assert AccessToken.objects.exists()
    node.off_by = 0.0
    tasks.purge_expired()
    assert not AccessToken.objects.exists()
