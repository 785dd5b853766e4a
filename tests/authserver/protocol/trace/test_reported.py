"""Steps in a report: what is wrong is told by its member, and times are brought to our clock."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from authserver import policy
from authserver.protocol.errors import Refusal
from authserver.protocol.trace.reported import Reported, parse
from authserver.protocol.trace.steps import Kind

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
T = NOW.timestamp()
ID = "59f4d59c-061e-4794-84e0-45a6aab514ba"
ENTRY: dict[str, Any] = {
    "kind": "call",
    "ok": False,
    "code": "credential:refused",
    "at": T - 2,
    "request_id": "0123456789abcdef0123456789abcdef",
    "resource": "https://ai.example.com/mcp",
    "address": "203.0.113.9",
    "agent": "probe/1",
    "tool": "list_links",
    "connection_id": ID,
    "credential_digest": "ab" * 32,
    "count": 3,
}


def read(report: dict[str, Any] | None = None, **changes: Any) -> Reported:
    found = parse({"calls": [], "steps": [ENTRY | changes]} | (report or {}), now=NOW)
    assert not isinstance(found, Refusal), found
    return found[0]


def told(body: Any) -> str:
    refusal = parse(body, now=NOW)
    assert isinstance(refusal, Refusal), refusal
    assert (refusal.code, refusal.status) == ("invalid_request", 400)
    return refusal.description


def test_a_whole_step() -> None:
    assert read() == Reported(
        kind=Kind.CALL, ok=False, code="credential:refused", at=NOW - timedelta(seconds=2),
        request_id=ENTRY["request_id"], resource=ENTRY["resource"], address="203.0.113.9", agent="probe/1",
        tool="list_links", connection_id=UUID(ID), digest=b"\xab" * 32, count=3,
    )  # fmt: skip


def test_kits_that_report_no_steps_and_members_that_nobody_knows() -> None:
    assert parse({"calls": []}, now=NOW) == parse({"calls": [], "steps": []}, now=NOW) == ()
    assert read(password="s3cr3t") == read()
    few = {name: ENTRY[name] for name in ("kind", "ok", "resource")}
    nothing: dict[str, Any] = {
        "request_id": "",
        "address": "",
        "agent": "",
        "tool": "",
        "connection_id": None,
        "digest": b"",
    }
    assert parse({"steps": [few]}, now=NOW) == (replace(read(), code="", at=NOW, count=1, **nothing),)


@pytest.mark.parametrize(
    "steps", [None, {}, "x", 1, True, [None], [[]], ["x"], [ENTRY] * (policy.REPORT_STEPS_MAX + 1)]
)
def test_steps_are_a_list_of_objects_and_not_too_many(steps: Any) -> None:
    assert told({"calls": [], "steps": steps}).startswith("steps")


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("kind", [None, "", "token", "CALL", 1, [], {}]),
        ("ok", [None, 0, 1, "true", []]),
        ("code", [None, "x", "X:y", "a:b:c", "a:<b>", "a b:c", "é:é", "a:" + "b" * 60, "a:b\n", []]),
        ("request_id", [None, "short", "a" * 37, "<script>x", "0123abcd\n", "é" * 9, 12345678]),
        ("resource", [None, 1, [], "x" * 501]),
        ("address", [None, 1, {}, "x" * 501]),
        ("agent", [None, 1, [], "x" * 501]),
        ("tool", [None, "", " ", 7]),
        ("connection_id", [None, "", "x", 7, ID + "0"]),
        ("credential_digest", [None, "ab", "AB" * 32, "g" * 64, "ab" * 33, "mcpv1_" + "0" * 49, 1]),
        ("count", [None, "1", 1.0, True]),
        ("at", [None, "now", [], True]),
    ],
)
def test_a_member_of_another_kind_is_named_and_never_repeated(member: str, values: list[Any]) -> None:
    for value in values:
        said = told({"calls": [], "steps": [ENTRY, ENTRY | {member: value}]})
        assert said.startswith(f"steps[1].{member} must be "), value
        assert "script" not in said
        assert "mcpv1_" not in said


def test_what_cannot_be_read_of_an_agent_is_left_out_and_what_is_long_is_cut() -> None:
    assert (read(agent="a\u202eb").agent, read(agent="x" * 300).agent) == ("", "x" * policy.AGENT_LENGTH_MAX)
    assert read(count=10**9).count == policy.REPORT_COUNT_MAX


@pytest.mark.parametrize(
    ("at", "sent_at", "seconds_ago", "skew"),
    [
        (T - 5, None, 5, 0),
        (T - 9_999, None, 3_600, 0),
        (T + 20, None, 0, 0),
        (T + 40, None, 0, 40),
        (T - 5, T, 5, 0),
        (T + 295, T + 300, 5, 300),
        (T - 305, T - 300, 5, -300),
        (T + 10, T + 20, 10, 0),
        (T + 30, T, 0, 0),
        (0, 0, 0, -(10**9)),
        (T, 1e300, 3_600, 10**9),
        (T, 10**400, 0, 0),
        (10**400, T, 0, 0),
        (json.loads("NaN"), T, 0, 0),
        (T - 5, json.loads("-Infinity"), 5, 0),
        (T - 5, "soon", 5, 0),
    ],
)
def test_how_long_ago_counts_by_the_reporters_clock_and_how_wrong_that_is(
    at: Any, sent_at: Any, seconds_ago: float, skew: int
) -> None:
    step = read({"sent_at": sent_at}, at=at)
    assert step.at == NOW - timedelta(seconds=seconds_ago)
    assert step.clock_skew_seconds == skew
