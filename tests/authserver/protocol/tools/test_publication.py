"""What a resource server publishes: what is taken, what is refused by name, and whom a change concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver import policy
from authserver.protocol.errors import Refusal
from authserver.protocol.scopes import Rule
from authserver.protocol.tools import Ground, Standing, Tool, absence, publication, reach_of, standing_of, withheld
from authserver.protocol.tools.publication import Publication

LINK = {"name": "create_link", "scopes": ["links.write"]}
CATALOG = {
    name: Rule(name, role, "read", False, True)
    for name, role in [("read", "member"), ("write", "member"), ("run", "admin")]
}


def parsed(*tools: Any, **members: Any) -> Any:
    return publication.parse({"tools": list(tools)} | members)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (None, "The body must be an object."),
        ([], "The body must be an object."),
        ({}, "tools must be a list."),
        ({"tools": {}}, "tools must be a list."),
        ({"tools": [LINK] * 501}, "tools holds more than 500 entries."),
        ({"tools": ["create_link"]}, "tools[0] must be an object."),
        ({"tools": [LINK, LINK]}, "tools[1].name is that of an earlier tool."),
        ({"tools": [LINK], "resources": []}, "resources must name kinds or addresses of endpoints, or be left out."),
        ({"tools": [LINK], "resources": [1]}, "resources must name kinds or addresses of endpoints, or be left out."),
        ({"tools": [LINK], "resources": "gateway"}, "resources must be a list."),
        ({"tools": [LINK], "resources": ["gateway"] * 101}, "resources holds more than 100 entries."),
    ],
)
def test_a_body_that_is_wrong_is_refused_by_name(body: Any, sentence: str) -> None:
    refusal = publication.parse(body)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.description) == ("invalid_request", sentence)


@pytest.mark.parametrize(
    ("member", "value"),
    [("name", each) for each in ("", "a b", "a/b", "ä", "a" * 129, "a\n", "a\x00", None, 1)]
    + [("title", each) for each in ("t" * 201, 1, None)]
    + [("description", each) for each in ("d" * 1001, [], None)]
    + [("scopes", each) for each in (None, "links.write", [""], ["a b"], ['"'], ["\\"], ["ä"], [1], ["x" * 101])]
    + [("scopes", [f"s{number}" for number in range(101)])]
    + [("annotations", each) for each in (None, [], {"readOnlyHint": 1}, {"destructiveHint": "no"})]
    + [("annotations", {"openWorldHint": None})],
)
def test_a_member_of_a_tool_that_is_wrong_is_refused_by_name(member: str, value: Any) -> None:
    refusal = parsed(LINK, LINK | {"name": "other"} | {member: value})
    assert isinstance(refusal, Refusal)
    assert refusal.description.startswith(f"tools[1].{member}")
    assert not isinstance(value, str) or not value or value not in refusal.description


def test_what_is_left_out_is_as_mcp_has_it_and_what_is_unknown_is_passed_over() -> None:
    found = parsed(LINK | {"inputSchema": {}}, more=True)
    plain = Tool("create_link", "create_link", "", frozenset({"links.write"}), False, True, True, 0)
    assert found == Publication((plain,), None)
    reader = parsed(
        LINK | {"annotations": {"readOnlyHint": True}, "title": " A\u202e\n link\x00"}, resources=["gateway"]
    )
    (tool,) = reader.tools
    assert (tool.is_read_only, tool.is_destructive, tool.title) == (True, False, "A link")
    assert reader.resources == ("gateway",)


def test_a_scope_that_the_catalog_does_not_know_is_told() -> None:
    found = parsed({"name": "a", "scopes": ["read"]}, {"name": "b", "scopes": ["read", "typo"]})
    assert publication.warnings(found, CATALOG) == [
        "tools[1] needs a scope that is not in the catalog: nobody can use it."
    ]


# --- Whom a change concerns

READER = Tool("t", "T", "", frozenset({"read"}), True, False, False, 3)


@pytest.mark.parametrize(
    ("change", "since"),
    [
        ({}, 3),
        ({"title": "U", "description": "more"}, 3),
        ({"is_open_world": True}, 3),
        ({"scopes": frozenset({"read", "write"})}, 7),
        ({"scopes": frozenset()}, 7),
        ({"is_read_only": False}, 7),
        ({"is_read_only": False, "is_destructive": True}, 7),
        ({"name": "u"}, 7),
    ],
)
def test_a_tool_is_new_where_it_got_power(change: dict[str, Any], since: int) -> None:
    (dated,) = publication.dated([replace(READER, since=0, **change)], [READER], version=7)
    assert dated.since == since


def test_less_power_is_nothing_new() -> None:
    before = replace(READER, is_read_only=False, is_destructive=True)
    for after in (READER, replace(before, is_destructive=False)):
        assert publication.dated([after], [before], version=7)[0].since == 3


names = st.sampled_from(["a", "b", "c"])
tools = st.lists(
    st.builds(
        Tool,
        name=names,
        title=st.just(""),
        description=st.just(""),
        scopes=st.frozensets(st.sampled_from([*CATALOG, "typo"])),
        is_read_only=st.booleans(),
        is_destructive=st.booleans(),
        is_open_world=st.booleans(),
        since=st.just(0),
    ),
    unique_by=lambda tool: tool.name,
)


def versions_of(history: list[list[Tool]]) -> Iterator[tuple[tuple[Tool, ...], tuple[Tool, ...]]]:
    """Yield what is there after each publication, and with it what is gone."""
    there: tuple[Tool, ...] = ()
    gone: tuple[Tool, ...] = ()
    for number, each in enumerate(history, 1):
        before, there = there, publication.dated(each, (*there, *gone), version=number)
        left_out = (absence.gone(tool, number) for tool in before)
        names = {tool.name for tool in there}
        gone = tuple(tool for tool in (*gone, *left_out) if tool.name not in names)
        yield there, (*there, *gone)


@given(
    st.lists(tools, min_size=1, max_size=6),
    st.integers(1, 6),
    st.sets(st.sampled_from(list(CATALOG))),
    st.sampled_from(["admin", "member"]),
)
def test_who_was_connected_never_gets_power_that_nobody_showed_them(
    history: list[list[Tool]], version: int, granted: set[str], role: str
) -> None:
    """Whatever is published one after the other, left out and brought back: what a connection may call at the end, even
    of what is gone, it could call with the same power at the version that its person saw."""
    version = min(version, len(history))
    versions = list(versions_of(history))
    seen = {tool.name: tool for tool in versions[version - 1][0]}
    stood = versions[-1][1]
    worth = granted - (set() if role == "admin" else {"run"})
    ground = Ground(" ".join(granted), " ".join(granted))
    reach = reach_of(stood, ground, worth=worth, version=version, role=role, catalog=CATALOG)
    hidden = withheld(stood, reach)
    for tool in stood:
        standing = standing_of(tool, reach)
        assert (tool.name in hidden) == (standing in (Standing.NEW, Standing.DECLINED))
        if "typo" in tool.scopes or ("run" in tool.scopes and role == "member"):
            assert standing == Standing.DECLINED
        if standing == Standing.USABLE:
            assert tool.scopes <= worth
            assert seen[tool.name].scopes == tool.scopes
            assert tool.is_read_only or not seen[tool.name].is_read_only
        assert absence.read(absence.written(tool.absences)) == tool.absences


def test_of_many_absences_the_oldest_run_together_and_none_is_lost() -> None:
    tool = READER
    away = [range(version, version + 2) for version in range(10, 90, 4)]
    for each in away:
        tool = absence.back(absence.gone(tool, each.start), each.stop)
    assert len(tool.absences) == policy.TOOL_ABSENCES_MAX
    assert not any(tool.was_shown_at(version) for each in away for version in each)
    assert [tool.was_shown_at(version) for version in (2, 3, 9, 16, away[-1].start - 1, away[-1].stop)] == [
        False, True, True, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ground", "expected"),
    [
        (Ground("read", "read"), Standing.ASKS),
        (Ground("read", "read", declined="write"), Standing.DECLINED),
        (Ground("read", "read write"), Standing.DECLINED),
        (Ground("read write", "read write", withheld="write"), Standing.DECLINED),
        (Ground("read write", "read write"), Standing.USABLE),
        (Ground("read write", "read write", declined="write"), Standing.USABLE),
    ],
)
def test_what_was_taken_away_is_not_offered_again(ground: Ground, expected: Standing) -> None:
    tool = replace(READER, scopes=frozenset({"write"}))
    worth = set(ground.scopes.split()) - set(ground.withheld.split())
    reach = reach_of([tool], ground, worth=worth, version=3, role="member", catalog=CATALOG)
    assert standing_of(tool, reach) == expected
