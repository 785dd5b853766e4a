"""Taking reports: what is whose, how long after the end, and which wishes come of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from authserver import policy
from authserver.models import Connection, ResourceServer, ScopeRequest, ToolCall
from authserver.services import connections
from authserver.services.connections import EndReason
from tests.authserver.services.conftest import NOW
from tests.authserver.services.usage.conftest import call, lacking, report, waiting
from tests.people import World

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def wishes() -> list[tuple[str, str, int]]:
    return list(ScopeRequest.objects.order_by("scope").values_list("scope", "tool", "count"))


def end(connection: Connection) -> None:
    connections.revoke(connection, reason=EndReason.ADMINISTRATOR, now=NOW)


def test_another_servers_connection_is_passed_over(world: World, held: Connection) -> None:
    other = ResourceServer.objects.get(pk=world.other_asker.id)
    assert report(other, call(held), lacking(held, "links.write")) == 0
    assert (waiting(), wishes()) == ([], [])


def test_a_connection_that_nobody_knows_is_passed_over(server: ResourceServer, held: Connection) -> None:
    stranger = Connection(pk=uuid4())
    assert report(server, call(stranger), call(held), lacking(stranger, "links.write")) == 1
    assert (len(waiting()), wishes()) == (1, [])


def test_a_connection_that_ended_long_ago_is_passed_over(server: ResourceServer, held: Connection) -> None:
    end(held)
    assert report(server, call(held), now=NOW + HOUR - SECOND) == 1
    assert report(server, call(held), now=NOW + HOUR) == 0


def test_a_scope_missing_under_a_connection_that_ended_is_no_wish(server: ResourceServer, held: Connection) -> None:
    end(held)
    assert report(server, lacking(held, "links.write")) == 1
    assert wishes() == []


def test_an_empty_report_is_nothing(server: ResourceServer) -> None:
    assert report(server) == 0
    assert waiting() == []


def test_calls_are_kept_as_they_came(server: ResourceServer, held: Connection) -> None:
    assert report(server, call(held, count=14), call(held, tool="fetch")) == 2
    assert waiting() == [("list_links", "links.read", "allowed", 14), ("fetch", "links.read", "allowed", 1)]
    assert ToolCall.objects.first().resource_server == server  # type: ignore[union-attr]


def test_a_whole_report_costs_a_fixed_number_of_statements(
    server: ResourceServer, held: Connection, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(5):
        report(server, *[call(held, tool=f"tool {number}") for number in range(policy.REPORT_CALLS_MAX)])
    assert len(waiting()) == policy.REPORT_CALLS_MAX


def test_a_missing_scope_becomes_a_wish_that_names_the_tool(server: ResourceServer, held: Connection) -> None:
    report(server, lacking(held, "links.write"))
    assert wishes() == [("links.write", "create_link", 1)]


def test_one_report_wishes_for_a_scope_once(server: ResourceServer, held: Connection) -> None:
    report(server, *[lacking(held, "links.write", tool=f"tool {number}") for number in range(50)])
    assert wishes() == [("links.write", "tool 49", 1)]
    report(server, lacking(held, "links.write"))
    assert wishes() == [("links.write", "create_link", 2)]


@pytest.mark.parametrize("scope", ["links.read", "no.such.scope", "mcp.connect"])
def test_what_the_connection_has_or_nobody_can_get_is_no_wish(
    server: ResourceServer, held: Connection, scope: str
) -> None:
    report(server, lacking(held, scope))
    assert wishes() == []


def test_one_report_makes_a_bounded_number_of_wishes(
    server: ResourceServer, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(connections, "wish", lambda pk, scope, **_: asked.append(scope))
    report(server, *[lacking(held, *[f"s{number}.{each}" for each in range(10)]) for number in range(50)])
    assert len(asked) == policy.REPORT_WISHES_MAX


def test_more_wishes_than_a_person_can_read_do_not_wait(
    server: ResourceServer, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "WISHES_PER_CONNECTION_MAX", 1)
    report(server, lacking(held, "links.write"))
    report(server, lacking(held, "skills.write"), lacking(held, "links.write"))
    assert wishes() == [("links.write", "create_link", 2)]
