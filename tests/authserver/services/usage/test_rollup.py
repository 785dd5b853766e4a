"""Adding up: the sums are exact, days are UTC, nothing is counted twice, nothing grows without end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.db import connection as database

from authserver import policy
from authserver.models import Connection, ConnectionUse, ResourceServer, ToolCall, ToolUse
from authserver.protocol.connections.reports import Outcome
from authserver.services import purge
from authserver.services.usage import rollup, sums
from tests.authserver.services.conftest import NOW
from tests.authserver.services.usage.conftest import call, report

TODAY = NOW.date()
DAY = timedelta(days=1)


def added_up() -> dict[tuple[str, str], int]:
    return {(tool, outcome): count for tool, outcome, count in ToolUse.objects.values_list("tool", "outcome", "count")}


def test_nothing_reported_is_nothing_to_do(db: None) -> None:
    assert rollup.roll_up() == 0


def test_calls_are_added_per_tool_scopes_and_outcome_and_go(server: ResourceServer, held: Connection) -> None:
    report(server, call(held, count=3), call(held, count=4), call(held, scopes=""), call(held, tool="fetch"))
    report(server, call(held, outcome=Outcome.LIMITED))
    assert rollup.roll_up() == 5
    assert not ToolCall.objects.exists()
    rows = ToolUse.objects.order_by("tool", "scopes", "outcome")
    assert list(rows.values_list("tool", "scopes", "outcome", "count", "day")) == [
        ("fetch", "links.read", "allowed", 1, TODAY),
        ("list_links", "", "allowed", 1, TODAY),
        ("list_links", "links.read", "allowed", 7, TODAY),
        ("list_links", "links.read", "limited", 1, TODAY),
    ]


def test_what_comes_later_is_added(server: ResourceServer, held: Connection) -> None:
    for _ in range(3):
        report(server, call(held, count=5))
        rollup.roll_up()
    assert added_up() == {("list_links", "allowed"): 15}


def test_a_day_ends_at_midnight_utc(server: ResourceServer, held: Connection) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    report(server, call(held, at=midnight), call(held, at=midnight - timedelta(milliseconds=1)))
    rollup.roll_up()
    assert set(ToolUse.objects.values_list("day", "count")) == {(TODAY, 1), (TODAY - DAY, 1)}


def test_what_fails_half_way_is_neither_lost_nor_counted_twice(server: ResourceServer, held: Connection) -> None:
    report(server, call(held, count=5))

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("DELETE"):
            raise DatabaseError("gone")
        return execute(sql, *rest)

    with database.execute_wrapper(refuse), pytest.raises(DatabaseError):
        rollup.roll_up()
    assert (added_up(), ToolCall.objects.count()) == ({}, 1)
    rollup.roll_up()
    assert added_up() == {("list_links", "allowed"): 5}


def test_all_batches_are_worked_through(
    server: ResourceServer, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "BATCH", 2)
    report(server, *[call(held) for _ in range(7)])
    assert rollup.roll_up() == 7
    assert added_up() == {("list_links", "allowed"): 7}


def test_one_run_is_bounded_and_the_next_goes_on(
    server: ResourceServer, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "BATCH", 2)
    monkeypatch.setattr(rollup, "BATCHES_MAX", 2)
    report(server, *[call(held) for _ in range(7)])
    assert [rollup.roll_up(), rollup.roll_up()] == [4, 3]


def test_calls_of_a_connection_that_is_gone_go_with_it(server: ResourceServer, held: Connection) -> None:
    report(server, call(held))
    with database.cursor() as cursor:  # as a race leaves them: reported while the connection went
        cursor.execute("UPDATE authserver_toolcall SET connection_id = %s", ["0" * 32])
    assert rollup.roll_up() == 1
    assert (added_up(), ToolCall.objects.count()) == ({}, 0)


def test_a_count_stays_at_what_its_column_holds(server: ResourceServer, held: Connection) -> None:
    ToolUse.objects.create(
        connection=held, day=TODAY, tool="list_links", scopes="links.read", outcome="allowed", count=sums.COUNT_MAX - 3
    )
    report(server, call(held, count=10_000), call(held, tool="fetch"))
    rollup.roll_up()
    assert added_up() == {("list_links", "allowed"): sums.COUNT_MAX, ("fetch", "allowed"): 1}


def test_made_up_names_of_tools_count_as_one_once_they_are_too_many(
    server: ResourceServer, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "TOOLS_PER_CONNECTION_AND_DAY_MAX", 3)
    report(server, *[call(held, tool=f"tool {number}") for number in range(2)])
    rollup.roll_up()
    report(server, *[call(held, tool=f"tool {number}") for number in range(6)])
    rollup.roll_up()
    report(server, call(held, tool="tool 0"), call(held, tool="tool 5"))
    rollup.roll_up()
    told = {tool: count for (tool, _), count in added_up().items()}
    assert told == {"tool 0": 3, "tool 1": 2, "tool 2": 1, rollup.OTHER_TOOLS: 4}


def test_the_limit_is_per_connection_and_day(
    server: ResourceServer, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "TOOLS_PER_CONNECTION_AND_DAY_MAX", 1)
    report(server, call(held), call(held, tool="fetch", at=NOW - DAY))
    rollup.roll_up()
    assert set(added_up()) == {("list_links", "allowed"), ("fetch", "allowed")}


def test_what_is_older_than_the_retention_is_purged(held: Connection) -> None:
    for days in (400, 401, 0):
        day = TODAY - days * DAY
        ToolUse.objects.create(connection=held, day=day, tool="fetch", outcome="allowed", count=1)
        ConnectionUse.objects.create(connection=held, day=day, introspections=1)
    purge.purge_expired(now=NOW)
    for model in (ToolUse, ConnectionUse):
        assert set(model.objects.values_list("day", flat=True)) == {TODAY, TODAY - 400 * DAY}
