"""Roll-ups side by side, and reports that come meanwhile: every call is counted, and counted once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.db.models import Sum

from authserver.models import Connection, ToolCall, ToolUse
from authserver.services.usage import figures, rollup
from tests.attacks.conftest import at_once
from tests.people import App, Asker, World

ROUNDS = 3
TOOLS = [f"tool {number}" for number in range(20)]


@pytest.fixture
def acme(crowd: World, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(rollup, "BATCH", 25)  # many transactions, so that they meet
    crowd.connect(crowd.alice, App.register(), handle="acme")
    return str(Connection.objects.get().pk)


def calls(connection_id: str) -> list[dict[str, Any]]:
    return [{"connection_id": connection_id, "tool": tool, "outcome": "allowed", "count": 3} for tool in TOOLS]


def reporting(asker: Asker, connection_id: str, times: int) -> Callable[[], list[int]]:
    mine = Asker(asker.id, asker.secret)
    return lambda: [mine.report(*calls(connection_id)).status_code for _ in range(times)]


def sums() -> dict[str, int]:
    return dict(ToolUse.objects.values_list("tool").annotate(Sum("count")))


def test_two_workers_side_by_side_count_every_call_once(crowd: World, acme: str) -> None:
    for number in range(1, ROUNDS + 1):
        assert set(reporting(crowd.asker, acme, 20)()) == {202}
        done = at_once(*[rollup.roll_up] * 3)
        rollup.roll_up()  # what a worker passed over because another held it
        assert sum(done) <= 20 * len(TOOLS)
        assert sums() == dict.fromkeys(TOOLS, number * 20 * 3)
        assert not ToolCall.objects.exists()


def test_reports_that_come_while_it_is_added_up_are_neither_lost_nor_counted_twice(crowd: World, acme: str) -> None:
    def roll_up_again_and_again() -> int:
        return sum(rollup.roll_up() for _ in range(15))

    reporters = [reporting(crowd.asker, acme, 15)] * 2
    first, second, *_ = at_once(*reporters, roll_up_again_and_again, roll_up_again_and_again)
    assert set(first + second) == {202}
    rollup.roll_up()
    assert sums() == dict.fromkeys(TOOLS, 2 * 15 * 3)
    assert not ToolCall.objects.exists()


def test_a_page_read_at_any_moment_shows_all_calls_that_were_reported_before(crowd: World, acme: str) -> None:
    assert set(reporting(crowd.asker, acme, 20)()) == {202}
    held, total = Connection.objects.get(), 20 * 3 * len(TOOLS)
    now = held.created_at

    def look() -> set[int]:
        return {figures.of([held], now)[held.pk].calls for _ in range(30)}

    _, _, seen = at_once(rollup.roll_up, rollup.roll_up, look)
    assert seen == {total}


def test_a_worker_that_dies_in_the_middle_leaves_everything_to_the_next(crowd: World, acme: str) -> None:
    assert set(reporting(crowd.asker, acme, 5)()) == {202}
    statements = 0

    def die(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal statements
        statements += sql.startswith("DELETE")
        if statements == 2:
            raise OperationalError("killed")
        return execute(sql, *rest)

    with database.execute_wrapper(die), pytest.raises(OperationalError):
        rollup.roll_up()
    assert ToolCall.objects.count() == 5 * len(TOOLS) - 25
    rollup.roll_up()
    assert sums() == dict.fromkeys(TOOLS, 5 * 3)
