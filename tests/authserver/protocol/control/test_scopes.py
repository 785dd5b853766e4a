"""The rights of the control-plane API: closed, capped by the role."""

import pytest

from authserver.protocol.control import scopes
from authserver.protocol.control.scopes import ControlScope
from handles.roles import Role

EVERYTHING = [*ControlScope.values, "links.read", "mcp.connect", "", "members"]


@pytest.mark.parametrize("role", [None, "", "public", "king"])
def test_who_is_no_member_may_nothing(role: str | None) -> None:
    assert scopes.allowed_to(role, EVERYTHING) == []


@pytest.mark.parametrize("name", ["members.read", "members.write", "clients.read", "clients.write", "events.read"])
def test_a_member_may_not_ask_about_others(name: str) -> None:
    assert scopes.allowed_to(Role.MEMBER, [name]) == []
    assert scopes.allowed_to(Role.ADMIN, [name]) == [name]


def test_a_member_reaches_what_can_be_their_own() -> None:
    assert scopes.allowed_to(Role.MEMBER, EVERYTHING) == [
        "handle.read", "connections.read", "connections.write", "tokens.read", "tokens.write", "resources.read",
        "usage.read",
    ]  # fmt: skip


def test_owners_may_all_of_it_and_nothing_else_and_admins_all_but_the_settings() -> None:
    assert scopes.allowed_to(Role.OWNER, EVERYTHING) == ControlScope.values
    assert scopes.allowed_to(Role.ADMIN, EVERYTHING) == [name for name in ControlScope.values if name != "handle.write"]


def test_every_right_says_what_it_is() -> None:
    assert [scope for scope in ControlScope if not scope.label or scope.level not in ("read", "change", "manage")] == []
    assert {scope.level for scope in ControlScope if scope.value.endswith(".read")} == {"read"}
    assert "read" not in {scope.level for scope in ControlScope if scope.value.endswith(".write")}
