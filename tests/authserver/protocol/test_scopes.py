"""The algebra of scopes: whatever is asked, ticked or held, nothing grows beyond what each of them allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.protocol import scopes
from authserver.protocol.scopes import Rule
from handles.roles import Role, at_least

CATALOG = {
    name: Rule(name=name, role=role, level="read", is_required=name == "mcp.connect", is_shown=name != "offline_access")
    for name, role in [
        ("mcp.connect", "public"),
        ("skills.read", "public"),
        ("links.read", "public"),
        ("links.write", "member"),
        ("webhooks.write", "admin"),
        ("handle.own", "owner"),
        ("offline_access", "public"),
    ]
}
EVERYTHING = frozenset(CATALOG)
SHOWN = [name for name in CATALOG if CATALOG[name].is_shown]
names = st.lists(st.one_of(st.sampled_from(list(CATALOG)), st.text(max_size=5)), max_size=10)
subsets = st.sets(st.sampled_from(list(CATALOG)))
roles = st.sampled_from([None, *[role.value for role in Role], "nobody", ""])
NO_LIMIT: frozenset[str] = frozenset()


@pytest.mark.covers("T04", "Q15")
@pytest.mark.parametrize("text", ["", " ", "\t "])
def test_a_request_that_names_none_asks_for_every_shown_one(text: str) -> None:
    assert scopes.asked(text, CATALOG, NO_LIMIT) == SHOWN


@pytest.mark.covers("T05")
@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("links.read", ["mcp.connect", "links.read"]),
        ("links.read openid email links.read", ["mcp.connect", "links.read"]),
        ("offline_access links.read mcp.connect", ["mcp.connect", "links.read", "offline_access"]),
        ("openid", []),
        ("LINKS.READ", []),
        ("links.read,links.write", []),
    ],
)
def test_unknown_scopes_fall_away_and_none_is_left_of_only_unknown_ones(text: str, asked: list[str]) -> None:
    assert scopes.asked(text, CATALOG, NO_LIMIT) == asked


@given(names, subsets)
def test_what_is_asked_is_known_ordered_once_and_within_the_resource(named: list[str], limit: set[str]) -> None:
    asked = scopes.asked(" ".join(named), CATALOG, frozenset(limit))
    assert asked == [name for name in CATALOG if name in asked]
    for name in asked:
        assert not limit or name in limit or not CATALOG[name].is_shown
        assert name in " ".join(named).split() or CATALOG[name].is_required or not " ".join(named).split()


@pytest.mark.covers("req:S3")
@given(subsets, names, roles)
def test_what_is_granted_was_asked_ticked_and_within_the_role(
    wanted: set[str], ticked: list[str], role: str | None
) -> None:
    granted = scopes.granted(wanted, ticked, role=role, catalog=CATALOG)
    assert set(granted) <= wanted
    for name in granted:
        assert role is not None
        assert at_least(role, CATALOG[name].role)
        assert name in ticked or CATALOG[name].is_required or not CATALOG[name].is_shown


@given(subsets, names)
def test_nobody_grants_nothing(wanted: set[str], ticked: list[str]) -> None:
    for role in (None, "nobody", ""):
        assert scopes.granted(wanted, ticked, role=role, catalog=CATALOG) == []


@pytest.mark.xfail(strict=True, raises=KeyError, reason="the catalog may change between the question and the answer")
def test_a_scope_that_left_the_catalog_meanwhile_is_not_granted() -> None:
    assert scopes.granted(["gone", "links.read"], ["links.read"], role="owner", catalog=CATALOG) == ["links.read"]


@given(names, names, names, roles)
def test_a_credential_is_never_worth_more_than_each_of_its_bounds(
    token: list[str], connection: list[str], wanted: list[str], role: str | None
) -> None:
    worth = set(scopes.effective(token, connection, role=role, catalog=CATALOG))
    assert worth <= set(token) & set(connection) & EVERYTHING
    assert worth == set(scopes.allowed_to(role, worth, CATALOG))


@given(subsets, subsets, subsets)
def test_an_approval_changes_only_what_its_request_mentioned(
    before: set[str], wanted: set[str], approved: set[str]
) -> None:
    approved &= wanted
    after = set(scopes.after_approval(before, wanted, approved, CATALOG))
    assert after - wanted == before - wanted
    assert after & wanted == approved


@given(subsets, roles, roles)
def test_a_higher_role_never_allows_less(named: set[str], one: str | None, two: str | None) -> None:
    if one is not None and two is not None and at_least(one, two):
        assert set(scopes.allowed_to(two, named, CATALOG)) <= set(scopes.allowed_to(one, named, CATALOG))


@given(st.text(max_size=60))
def test_any_text_is_a_list_of_scopes(text: str) -> None:
    parsed = scopes.parse(text)
    assert len(parsed) == len(set(parsed))
    assert scopes.parse(" ".join(parsed)) == parsed
    assert not any(each.isspace() or not each for each in parsed)


def test_an_unknown_role_reaches_nothing_and_is_reached_by_nothing() -> None:
    assert not at_least("nobody", "public")
    assert not at_least("owner", "nobody")
    assert at_least("owner", "public")
    assert not at_least("public", "member")
