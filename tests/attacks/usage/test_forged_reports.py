"""A resource server that lies, or was taken over: it reports about others, floods, and puts markup into names."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from django.utils.html import escape

from authserver import policy
from authserver.models import Connection, Event, Scope, ScopeRequest, ToolCall, ToolUse
from authserver.services.usage import rollup, sums
from tests.people import GATEWAY, App, Asker, World

SEED = 20_261_120
BODIES = 10_000
OTHER = "http://127.0.0.1:8001/other/mcp"


@pytest.fixture
def acme(world: World, chatgpt: App) -> str:
    world.connect(world.alice, chatgpt, handle="acme")
    return str(Connection.objects.get().pk)


def call(connection_id: str, **changes: Any) -> dict[str, Any]:
    return {"connection_id": connection_id, "tool": "create_link", "outcome": "allowed"} | changes


def lacking(connection_id: str, *scopes: str, **changes: Any) -> dict[str, Any]:
    return call(connection_id, outcome="insufficient_scope", scopes=scopes, missing=scopes, **changes)


# --- About others


def test_a_server_cannot_count_or_wish_for_connections_of_another(world: World, acme: str) -> None:
    assert world.other_asker.report(call(acme, count=10_000), lacking(acme, "links.write")).status_code == 202
    rollup.roll_up()
    assert not ToolCall.objects.exists()
    assert not ToolUse.objects.exists()
    assert not ScopeRequest.objects.exists()
    assert not Event.objects.filter(tag="scope:asked").exists()


def test_neither_answer_nor_time_tells_whether_a_connection_exists(
    world: World, acme: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):  # who asks, and which of these are its own
        here = world.other_asker.report(call(acme))
    with django_assert_num_queries(2):
        nowhere = world.other_asker.report(call("8f6f6a2e-0000-4000-8000-000000000000"))
    assert (here.status_code, here.content) == (nowhere.status_code, nowhere.content)


def test_a_server_counts_its_own_connections_beside_foreign_ones(world: World, acme: str, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, resource=OTHER, handle="acme")
    theirs = str(Connection.objects.exclude(pk=acme).get().pk)
    world.other_asker.report(call(acme), call(theirs), call(acme))
    assert [str(pk) for pk in ToolCall.objects.values_list("connection", flat=True)] == [theirs]


def test_a_connection_that_ended_gains_no_wish_and_after_an_hour_no_count(
    world: World, acme: str, time_machine: Any
) -> None:
    world.alice.http.post(f"/connections/{acme}/disconnect", {"confirm": "yes"})
    world.asker.report(call(acme), lacking(acme, "links.write"))
    assert (ToolCall.objects.count(), ScopeRequest.objects.count()) == (2, 0)
    time_machine.move_to(Connection.objects.get().ended_at + policy.REPORT_AGE_MAX)
    world.asker.report(call(acme))
    assert ToolCall.objects.count() == 2


# --- Floods


def test_wishes_are_bounded_however_many_scopes_are_said_to_be_missing(
    world: World, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "WISHES_PER_CONNECTION_MAX", 2)
    known = list(Scope.objects.values_list("name", flat=True))
    invented = [f"x.{number}" for number in range(200)]
    for start in range(0, 200, 10):
        world.asker.report(lacking(acme, *known[:10]), lacking(acme, *invented[start : start + 10]))
    waiting = ScopeRequest.objects.filter(decision="")
    assert waiting.count() == 2
    assert set(waiting.values_list("scope", flat=True)) < set(known)
    assert Event.objects.filter(tag="scope:asked").count() == 2


def test_counts_beyond_belief_neither_overflow_nor_stop_the_others(world: World, acme: str) -> None:
    ToolUse.objects.create(connection_id=acme, day="2026-01-01", tool="x", outcome="allowed", count=sums.COUNT_MAX)
    for count in (10**9, 10**18, 10**300, -(10**300)):
        assert world.asker.report(*[call(acme, count=count)] * policy.REPORT_CALLS_MAX).status_code == 202
    assert rollup.roll_up() == 4 * policy.REPORT_CALLS_MAX
    use = ToolUse.objects.get(tool="create_link")
    assert use.count == 500 * (3 * 10_000 + 1)
    ToolUse.objects.filter(pk=use.pk).update(count=sums.COUNT_MAX - 1)
    world.asker.report(call(acme, count=10_000), call(acme, tool="other"))
    rollup.roll_up()
    assert dict(ToolUse.objects.exclude(tool="x").values_list("tool", "count")) == {
        "create_link": sums.COUNT_MAX,
        "other": 1,
    }


def test_invented_tools_fill_no_disk(world: World, acme: str) -> None:
    for start in range(0, 2_000, 500):
        world.asker.report(*[call(acme, tool=f"tool {number}") for number in range(start, start + 500)])
        rollup.roll_up()
    assert ToolUse.objects.count() == policy.TOOLS_PER_CONNECTION_AND_DAY_MAX + 1
    assert ToolUse.objects.get(tool=rollup.OTHER_TOOLS).count == 2_000 - policy.TOOLS_PER_CONNECTION_AND_DAY_MAX


# --- Names


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</code><h1>x", "{{ settings.SECRET_KEY }}"]
)
def test_markup_in_a_tools_name_is_shown_as_text(world: World, acme: str, name: str) -> None:
    world.asker.report(call(acme, tool=name), lacking(acme, "links.write", tool=name))
    for path in ("/handles/acme/usage", "/handles/acme/usage?period=month"):
        page = world.alice.sign_in().http.get(path).content.decode()
        assert escape(name) in page
        assert name == escape(name) or name not in page


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1"])
def test_a_tools_name_is_no_formula_in_the_file(world: World, acme: str, name: str) -> None:
    world.asker.report(call(acme, tool=name))
    file = world.alice.sign_in().http.get("/handles/acme/usage.csv").content.decode()
    assert f",'{name}," in file or f",\"'{name}" in file


def test_letters_that_turn_text_around_are_replaced(world: World, acme: str) -> None:
    world.asker.report(call(acme, tool="a\u202egnp.exe\u0000\n"))
    assert ToolCall.objects.get().tool == "a\ufffdgnp.exe\ufffd\ufffd"


# --- Garbage


def test_ten_thousand_malformed_bodies_are_refused_and_none_is_a_failure(world: World, acme: str) -> None:
    """Real reports, broken in ten thousand ways: 400 or, where the break does no harm, 202. Nothing else."""
    dice = random.Random(SEED)
    told: dict[int, int] = {}
    for _ in range(BODIES):
        answer = world.asker.report(body=_broken(dice, acme))
        assert answer.status_code in (202, 400), answer.content
        if answer.status_code == 400:
            assert answer.json()["error"] == "invalid_request"
        told[answer.status_code] = told.get(answer.status_code, 0) + 1
    assert told[400] > BODIES / 2
    rollup.roll_up()
    assert not ToolCall.objects.exists()
    assert world.alice.sign_in().http.get("/handles/acme/usage").status_code == 200


JUNK: list[Any] = [
    None, True, -1, 0, 1.5, 10**30, 1e308, float("nan"), float("inf"), "", " ", "x" * 300, "\x00", "\ud800", "\u202e",
    "é" * 50, [], [[]], [None], {}, {"a": {"b": []}}, ["links.write"] * 120, "insufficient_scope", GATEWAY,
]  # fmt: skip


def _junk(dice: random.Random) -> Any:
    return copy.deepcopy(dice.choice(JUNK))


def _broken(dice: random.Random, connection_id: str) -> bytes:
    calls: list[Any] = [lacking(connection_id, "links.write", count=1, at=1) for _ in range(dice.randint(1, 3))]
    for _ in range(dice.randint(1, 3)):
        entry = dice.choice(calls)
        if dice.random() < 0.1 or not isinstance(entry, dict):
            calls[dice.randrange(len(calls))] = _junk(dice)
        elif dice.random() < 0.2:
            entry.pop(dice.choice(["connection_id", "tool", "outcome"]), None)
        else:
            entry[dice.choice([*entry, "scopes", "missing", "extra"])] = _junk(dice)
    body: Any = {"calls": calls} if dice.random() < 0.9 else dice.choice([calls, {"calls": _junk(dice)}, _junk(dice)])
    raw = bytearray(json.dumps(body).encode())
    if dice.random() < 0.4:
        for _ in range(dice.randint(1, 4)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
    return bytes(raw[: dice.randrange(len(raw))] if dice.random() < 0.1 else raw)


def test_a_stranger_with_the_same_garbage_is_only_a_stranger(world: World, acme: str) -> None:
    dice = random.Random(SEED)
    stranger = Asker(world.asker.id, "wrong")
    assert {stranger.report(body=_broken(dice, acme)).status_code for _ in range(200)} == {401}
