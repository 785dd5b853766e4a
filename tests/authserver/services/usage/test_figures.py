"""The figures of a card: thirty days, one statement, calls that are not added up yet among them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from authserver.models import Client, Connection, ConnectionUse, ResourceServer, ToolCall, ToolUse
from authserver.services.connections import Issued
from authserver.services.usage import figures
from authserver.services.usage.figures import Figures
from handles.models import Handle
from tests.authserver.services.conftest import NOW, Approving, approve, exchange
from tests.people import World

DAY = timedelta(days=1)
TODAY = NOW.date()


@pytest.fixture
def held(pair: Issued) -> Connection:
    return Connection.objects.get()


def used(connection: Connection, count: int, *, days_ago: int = 0, tool: str = "list_links") -> None:
    day = TODAY - days_ago * DAY
    ToolUse.objects.create(connection=connection, day=day, tool=tool, outcome="allowed", count=count)


def called(world: World, connection: Connection, count: int) -> None:
    server = ResourceServer.objects.get(pk=world.asker.id)
    ToolCall.objects.create(
        connection=connection, resource_server=server, tool="fetch", outcome="allowed", count=count, at=NOW
    )


def asked(connection: Connection, count: int, *, days_ago: int = 0) -> None:
    ConnectionUse.objects.create(connection=connection, day=TODAY - days_ago * DAY, introspections=count)


def test_a_connection_that_was_never_used_has_zeros(held: Connection) -> None:
    assert figures.of([held], NOW) == {held.pk: Figures(0, 0)}


def test_no_connections_have_no_figures_and_cost_nothing(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert figures.of([], NOW) == {}


def test_where_nobody_reports_the_questions_count(held: Connection) -> None:
    asked(held, 40)
    asked(held, 2, days_ago=29)
    found = figures.of([held], NOW)[held.pk]
    assert (found.count, found.unit, found.is_reported) == (42, "requests", False)


def test_where_calls_are_reported_they_count_added_up_or_not(world: World, held: Connection) -> None:
    asked(held, 40)
    used(held, 3)
    used(held, 4, days_ago=29, tool="fetch")
    called(world, held, 7)
    found = figures.of([held], NOW)[held.pk]
    assert (found.count, found.unit, found.is_reported, found.introspections) == (14, "tool calls", True, 40)


def test_one_is_no_plural(world: World, held: Connection) -> None:
    asked(held, 1)
    assert figures.of([held], NOW)[held.pk].unit == "request"
    called(world, held, 1)
    assert figures.of([held], NOW)[held.pk].unit == "tool call"


def test_what_is_older_than_thirty_days_does_not_count(held: Connection) -> None:
    asked(held, 40, days_ago=30)
    used(held, 3, days_ago=30)
    assert figures.of([held], NOW)[held.pk].count == 0


def test_many_connections_are_one_statement_and_are_not_mixed_up(
    world: World, held: Connection, approval: Approving, client_row: Client, django_assert_num_queries: Any
) -> None:
    exchange(approve(approval(handle=Handle.objects.get(slug="globex"))), client_row)
    other = Connection.objects.exclude(pk=held.pk).get()
    used(held, 3)
    asked(other, 5)
    with django_assert_num_queries(2):  # the connections themselves, and their figures
        found = figures.of(Connection.objects.all(), NOW)
    assert {pk: each.count for pk, each in found.items()} == {held.pk: 3, other.pk: 5}
    assert list(figures.of([other], NOW)) == [other.pk]
