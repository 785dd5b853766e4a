"""Reports of tool calls: what is wrong is told by its member, what cannot be believed is bounded."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from authserver import policy
from authserver.protocol.connections.reports import Call, Outcome, parse
from authserver.protocol.errors import Refusal

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ID = "59f4d59c-061e-4794-84e0-45a6aab514ba"
ENTRY: dict[str, Any] = {
    "connection_id": ID,
    "tool": "create_link",
    "scopes": ["links.write", "links.read"],
    "missing": [],
    "outcome": "allowed",
    "count": 14,
    "at": int(NOW.timestamp()) - 2,
}


def read(**changes: Any) -> Call:
    found = parse({"calls": [ENTRY | changes]}, now=NOW)
    assert not isinstance(found, Refusal), found
    return found[0]


def told(body: Any) -> str:
    refusal = parse(body, now=NOW)
    assert isinstance(refusal, Refusal), refusal
    assert (refusal.code, refusal.status) == ("invalid_request", 400)
    return refusal.description


@pytest.mark.parametrize("body", [None, [], "calls", 1, {}, {"calls": None}, {"calls": {}}, {"calls": "x"}])
def test_a_report_is_an_object_with_a_list_of_calls(body: Any) -> None:
    assert told(body) == "calls must be a list."


def test_a_report_of_too_many_calls_is_refused() -> None:
    assert parse({"calls": [ENTRY] * policy.REPORT_CALLS_MAX}, now=NOW)
    assert told({"calls": [ENTRY] * (policy.REPORT_CALLS_MAX + 1)}) == "calls holds more than 500 entries."


@pytest.mark.parametrize("entry", [None, [], "x", 7, True])
def test_an_entry_is_an_object(entry: Any) -> None:
    assert told({"calls": [ENTRY, entry]}) == "calls[1] must be an object."


@pytest.mark.parametrize(
    ("member", "values"),
    [
        ("connection_id", [None, "", "x", 7, [ID], ID[:-1], ID + "0", {"id": ID}]),
        ("tool", [None, "", "   ", 7, ["x"], {}, True]),
        ("outcome", [None, "", "denied", "ALLOWED", 1, [], {}, True]),
        ("scopes", [None, "links.read", {}, [1], [None], [""], ["a b"], ['a"'], ["ä"], ["x" * 101], ["x"] * 101]),
        ("missing", [None, "links.read", {"a": 1}, [[]], ["\u202e"]]),
        ("count", [None, "1", 1.0, [], True, float("nan")]),
        ("at", [None, "now", [], {}, True]),
    ],
)  # fmt: skip
def test_a_member_of_another_kind_is_named(member: str, values: list[Any]) -> None:
    for value in values:
        assert told({"calls": [ENTRY, ENTRY | {member: value}]}).startswith(f"calls[1].{member} must be "), value


def test_what_was_sent_is_never_repeated() -> None:
    for member in ENTRY:
        assert "s3cr3t" not in told({"calls": [ENTRY | {member: {"s3cr3t": "s3cr3t"}}]})


def test_a_whole_entry() -> None:
    assert read() == Call(
        connection_id=UUID(ID),
        tool="create_link",
        scopes="links.read links.write",
        missing=(),
        outcome=Outcome.ALLOWED,
        count=14,
        at=NOW - timedelta(seconds=2),
    )


def test_what_may_be_left_out() -> None:
    found = parse({"calls": [{"connection_id": ID, "tool": "x", "outcome": "limited"}]}, now=NOW)
    assert found == (Call(UUID(ID), "x", "", (), Outcome.LIMITED, 1, NOW),)


def test_members_that_nobody_knows_are_passed_over() -> None:
    assert read(arguments={"password": "x"}) == read()


@pytest.mark.parametrize(
    ("count", "taken"), [(-5, 1), (0, 1), (1, 1), (10_000, 10_000), (10_001, 10_000), (10**400, 10_000)]
)
def test_a_count_is_bounded(count: int, taken: int) -> None:
    assert read(count=count).count == taken


@pytest.mark.parametrize(
    ("seconds", "is_believed"), [(-3_600, True), (-3_601, False), (60, True), (61, False), (0, True), (-0.5, True)]
)
def test_a_time_that_cannot_be_is_now(seconds: float, is_believed: bool) -> None:
    at = read(at=NOW.timestamp() + seconds).at
    assert at == (NOW + timedelta(seconds=seconds) if is_believed else NOW)


@pytest.mark.parametrize("at", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "0", "9" * 400])
def test_a_number_that_is_no_time_is_now(at: str) -> None:
    assert read(at=json.loads(at)).at == NOW


@pytest.mark.parametrize(
    ("tool", "shown"),
    [
        ("x" * 500, "x" * 128),
        (" create_link ", "create_link"),
        ("a\x00b\u202ec\n", "a\ufffdb\ufffdc\ufffd"),
        ("\ud800", "\ufffd"),
        (" " * 200 + "x", "\ufffd"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # pages escape
        ("링크 만들기", "링크 만들기"),
    ],
)
def test_a_tools_name_is_shortened_and_readable(tool: str, shown: str) -> None:
    assert read(tool=tool).tool == shown


def test_scopes_stand_in_one_order_and_once() -> None:
    assert read(scopes=["b", "a", "b"]).scopes == "a b"


def test_scopes_for_which_there_is_no_room_are_left_out_whole() -> None:
    names = [f"{letter * 90}" for letter in "abcdefg"]
    assert read(scopes=names).scopes == " ".join(names[:4])


def test_missing_scopes_count_only_where_they_were_why() -> None:
    assert read(missing=["links.write"]).missing == ()
    assert read(missing=["links.write"], outcome="limited").missing == ()
    assert read(missing=["links.write"], outcome="insufficient_scope").missing == ("links.write",)


def test_of_many_missing_scopes_the_first_ones_count() -> None:
    names = [f"s{number}" for number in range(40)]
    assert read(missing=names, outcome="insufficient_scope").missing == tuple(names[:10])
