"""The event log of a handle, over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from authserver.models import Event
from tests.api.conftest import ACME, API, Caller, Connecting, ok, problem
from tests.people import World

EVENTS = f"{ACME}/events"


def told(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    return ok(caller.get(f"{EVENTS}{query}"))["items"]


def test_a_handle_sees_its_own_events_and_no_others(world: World, alice: Caller, connect: Connecting) -> None:
    here = connect(world.bob)
    connect(world.alice, "globex")
    Event.objects.create(tag="client:registered", actor="client")
    assert {each["connection_id"] for each in told(alice)} == {str(here.row.pk)}
    assert [each["tag"] for each in told(alice)] == ["code:redeemed", "connection:approved"]
    globex = ok(alice.get(f"{API}/handles/globex/events"))["items"]
    assert {each["connection_id"] for each in globex}.isdisjoint({str(here.row.pk)})


def test_no_event_holds_a_secret(world: World, alice: Caller, connect: Connecting) -> None:
    held = connect(world.bob).held
    text = alice.get(EVENTS).content.decode()
    assert held.access not in text
    assert str(held.refresh) not in text


def test_filters_narrow_the_log(world: World, alice: Caller, connect: Connecting) -> None:
    first, second = connect(world.bob), connect(world.alice)
    ok(alice.post(f"{first.path}/pause"))
    assert [each["tag"] for each in told(alice, "?tag=connection:paused")] == ["connection:paused"]
    assert {each["connection_id"] for each in told(alice, f"?connection={second.row.pk}")} == {str(second.row.pk)}
    past, future = (quote((timezone.now() + timedelta(hours=hours)).isoformat()) for hours in (-1, 1))
    assert len(told(alice, f"?since={past}&until={future}")) == 5
    assert told(alice, f"?since={future}") == told(alice, f"?until={past}") == []
    assert told(alice, "?tag=ledger:sealed") == []


@pytest.mark.parametrize(
    "query",
    [
        "tag=nosuch", "tag=", "since=yesterday", "until=2026-13-01T00:00:00Z", "connection=1", "connection=", "since=",
        "since=0001-01-01T00:00:00%2B14:00", "tag=a&tag=b", "limit=0", "limit=201", "limit=x", "limit=", "limit=1e3",
        "limit=99999999999", "after=0", "after=-1", "after=x", "after=9999999999999999999", "after=%00", "what=1",
        "limit=%D9%A5", "handle=globex", "limit=5&limit=6",
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_understood_is_refused(alice: Caller, query: str) -> None:
    body = problem(alice.get(f"{EVENTS}?{query}"), 400, "invalid")
    assert {each["field"] for each in body["errors"]} == {query.partition("=")[0]}


def test_pages_go_back_in_time_and_stay_where_they_are(world: World, alice: Caller, connect: Connecting) -> None:
    connect(world.bob)
    for number in range(5):
        Event.objects.create(tag="handle:changed", actor="person", handle="acme", detail={"number": number})
    first = ok(alice.get(f"{EVENTS}?limit=3&tag=handle:changed"))
    Event.objects.create(tag="handle:changed", actor="person", handle="acme", detail={"number": 99})
    second = ok(alice.get(first["next"].removeprefix("http://127.0.0.1:8000")))
    assert [each["detail"]["number"] for each in first["items"] + second["items"]] == [4, 3, 2, 1, 0]
    assert second["next"] is None
