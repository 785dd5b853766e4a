"""Who used what at a handle: grouped, ordered, bounded, and never another handle's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from authserver import policy
from authserver.models import Client, Connection, ConnectionUse, ResourceServer, ToolUse
from authserver.protocol.connections.reports import Outcome
from authserver.services.usage import breakdown, rollup
from authserver.services.usage.breakdown import Line
from handles.models import Handle
from tests.authserver.services.conftest import NOW, Approving, approve, exchange
from tests.authserver.services.usage.conftest import call, report
from tests.people import World

TODAY = NOW.date()
DAY = timedelta(days=1)


@pytest.fixture
def acme(world: World) -> Handle:
    return Handle.objects.get(slug="acme")


def lines(handle: Handle, *by: str, limit: int = 100, offset: int = 0) -> list[Line]:
    return breakdown.lines(handle, TODAY - 6 * DAY, by=by, limit=limit, offset=offset)


def another(approval: Approving, client: Client, **changes: Any) -> Connection:
    there = list(Connection.objects.values_list("pk", flat=True))
    exchange(approve(approval(client=client, **changes)), client)
    return Connection.objects.exclude(pk__in=there).get()


def test_a_handle_without_use_has_no_lines(acme: Handle) -> None:
    for by in (("app",), ("person",), ("tool",), ("app", "person", "tool")):
        assert lines(acme, *by) == []


def test_calls_count_added_up_or_not(server: ResourceServer, held: Connection, acme: Handle) -> None:
    report(server, call(held, count=10), call(held, outcome=Outcome.LIMITED, count=2))
    rollup.roll_up()
    report(server, call(held, count=4), call(held, outcome=Outcome.INSUFFICIENT_SCOPE))
    found = {"allowed": 14, "missing": 1, "limited": 2}
    assert lines(acme, "app", "tool") == [Line(app="ChatGPT", tool="list_links", **found)]
    assert lines(acme, "person") == [Line(person="alice@example.com", **found)]


def test_another_handles_calls_are_not_among_them(
    server: ResourceServer, held: Connection, approval: Approving, client_row: Client, acme: Handle
) -> None:
    globex = Handle.objects.get(slug="globex")
    other = another(approval, client_row, handle=globex)
    report(server, call(other, count=9))
    assert lines(acme, "tool") == []
    assert lines(globex, "tool")[0].allowed == 9
    rollup.roll_up()
    assert lines(acme, "tool") == []
    assert list(breakdown.rows(acme, TODAY)) == []


def test_days_before_the_first_do_not_count(held: Connection, acme: Handle) -> None:
    for days in (6, 7):
        ToolUse.objects.create(
            connection=held, day=TODAY - days * DAY, tool=f"{days} days ago", outcome="allowed", count=1
        )
        ConnectionUse.objects.create(connection=held, day=TODAY - days * DAY, introspections=1)
    assert [line.tool for line in lines(acme, "tool")] == ["6 days ago"]
    assert lines(acme, "app")[0].asked == 1


def test_the_most_used_comes_first_and_pages_follow_each_other(
    server: ResourceServer, held: Connection, acme: Handle
) -> None:
    report(server, *[call(held, tool=f"tool {number}", count=number + 1) for number in range(5)])
    assert [line.tool for line in lines(acme, "tool", limit=2)] == ["tool 4", "tool 3"]
    assert [line.tool for line in lines(acme, "tool", limit=2, offset=2)] == ["tool 2", "tool 1"]


def test_an_app_whose_server_reports_nothing_is_there_by_its_questions(
    server: ResourceServer, held: Connection, acme: Handle
) -> None:
    ConnectionUse.objects.create(connection=held, day=TODAY, introspections=40)
    assert lines(acme, "app") == [Line(app="ChatGPT", asked=40)]
    assert lines(acme, "tool") == lines(acme, "app", "tool") == []


def test_registrations_of_one_product_are_one_app(
    server: ResourceServer, held: Connection, approval: Approving, acme: Handle, client_row: Client
) -> None:
    twin = Client.objects.create(
        client_id="twin", name="ChatGPT", fingerprint=client_row.fingerprint, redirect_uris=client_row.redirect_uris
    )
    other = another(approval, twin)
    report(server, call(held), call(other))
    assert client_row.fingerprint
    assert lines(acme, "app") == [Line(app="ChatGPT", allowed=2)]


def test_apps_without_a_fingerprint_are_kept_apart(
    server: ResourceServer, held: Connection, approval: Approving, acme: Handle
) -> None:
    for name in ("Own one", "Own two"):
        mine = Client.objects.create(client_id=name, name=name, redirect_uris="https://chatgpt.com/connector/oauth/abc")
        report(server, call(another(approval, mine)))
    assert {line.app for line in lines(acme, "app")} == {"Own one", "Own two"}


def test_the_file_has_a_row_per_day_and_is_bounded(
    server: ResourceServer, held: Connection, acme: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(server, call(held, count=2, at=NOW - DAY), call(held, count=3))
    rollup.roll_up()
    report(server, call(held, count=4))
    app = held.client.client_id
    what = ("ChatGPT", app, "alice@example.com", "list_links", "links.read", "allowed")
    found = list(breakdown.rows(acme, TODAY - DAY))
    assert found == [(TODAY, *what, 4), (TODAY, *what, 3), (TODAY - DAY, *what, 2)]
    monkeypatch.setattr(policy, "USAGE_EXPORT_ROWS_MAX", 2)
    assert list(breakdown.rows(acme, TODAY - DAY)) == found[:2]
