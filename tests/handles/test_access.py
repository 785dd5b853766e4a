"""The only door of handles: who may act for one, and as what. Doubt is a no."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from handles import access, roles
from handles.models import Handle, Membership
from handles.roles import Role
from tests.flows.changes import set_handle, set_role
from tests.people import World


def acme() -> Handle:
    return Handle.objects.get(slug="acme")


def role(world: World, person: str) -> Role | None:
    return access.role_in(acme(), getattr(world, person).user)


# --- No


def test_an_outsider_of_a_private_handle_has_no_role(world: World) -> None:
    assert role(world, "carol") is None


def test_an_administrator_of_the_server_has_no_role_at_a_handle(world: World) -> None:
    assert role(world, "admin") is None


def test_at_a_suspended_handle_nobody_has_a_role(world: World) -> None:
    set_handle("acme", status="suspended", visibility="public")
    assert {role(world, name) for name in ("alice", "bob", "carol")} == {None}


def test_somebody_switched_off_has_no_role_and_no_seat(world: World) -> None:
    User.objects.update(is_active=False)
    set_handle("acme", visibility="public")
    assert {role(world, name) for name in ("alice", "carol")} == {None}
    assert access.seats_of(world.alice.user) == []


@pytest.mark.parametrize("unknown", ["", "emperor", "OWNER", "owner "])
def test_a_role_that_nobody_knows_is_none_and_not_a_guest_s(world: World, unknown: str) -> None:
    set_role(world.bob, "acme", unknown)
    set_handle("acme", visibility="public")
    assert role(world, "bob") is None
    assert [seat.handle.slug for seat in access.seats_of(world.bob.user)] == ["initech"]


@pytest.mark.parametrize("text", ["", "nosuch", "ac me", "acme/", "acme.globex", "\x00", "a" * 500, "@@acme", "-acme"])
def test_what_is_no_handle_is_not_found(world: World, text: str) -> None:
    assert access.find(text) is None


# --- Yes


def test_each_member_has_the_role_of_the_membership(world: World) -> None:
    assert (role(world, "alice"), role(world, "bob")) == (Role.OWNER, Role.MEMBER)


def test_an_outsider_of_a_public_handle_is_a_guest_and_a_member_stays_what_they_are(world: World) -> None:
    set_handle("acme", visibility="public")
    assert (role(world, "carol"), role(world, "bob")) == (Role.PUBLIC, Role.MEMBER)


@pytest.mark.parametrize("text", ["acme", "ACME", "@acme", " Acme "])
def test_a_handle_is_found_however_it_is_typed(world: World, text: str) -> None:
    assert access.find(text) == acme()


def test_a_suspended_handle_is_found_so_that_it_can_be_named(world: World) -> None:
    set_handle("acme", status="suspended")
    assert access.find("acme") == acme()


def test_seats_are_owned_first_then_by_name_suspended_ones_too(world: World) -> None:
    zeta = Handle.objects.create(slug="zeta", display_name="Zeta")
    Membership.objects.create(handle=zeta, user=world.bob.user, role="owner")
    set_handle("initech", status="suspended")
    seats = access.seats_of(world.bob.user)
    assert [(seat.handle.slug, seat.role.value, seat.is_usable) for seat in seats] == [
        ("initech", "owner", False),
        ("zeta", "owner", True),
        ("acme", "member", True),
    ]


def test_seats_never_name_a_handle_one_does_not_belong_to(world: World) -> None:
    set_handle("acme", visibility="public")
    assert access.seats_of(world.carol.user) == []


def test_a_question_is_one_statement(world: World, django_assert_num_queries) -> None:
    user, handle = world.bob.user, acme()
    with django_assert_num_queries(1):
        access.role_in(handle, user)
    with django_assert_num_queries(1):
        [seat.handle.slug for seat in access.seats_of(user)]


def test_the_roles_at_many_handles_are_those_at_each_and_cost_one_query(
    world: World, django_assert_num_queries: Any
) -> None:
    set_handle("globex", visibility="public")
    set_role(world.bob, "acme", "emperor")
    set_handle("initech", status="suspended")
    handles = list(Handle.objects.all())
    for name in ("alice", "bob", "carol"):
        user = getattr(world, name).user
        with django_assert_num_queries(1):
            found = access.roles_in(handles, user)
        assert found == {handle.pk: access.role_in(handle, user) for handle in handles}


def test_nothing_is_remembered_between_questions(world: World) -> None:
    handle, user = acme(), world.bob.user
    assert access.role_in(handle, user) == Role.MEMBER
    Membership.objects.filter(user=user).delete()
    assert access.role_in(handle, user) is None


# --- Roles

RANKS = ["public", "member", "admin", "owner"]


@pytest.mark.parametrize("held", RANKS)
@pytest.mark.parametrize("needed", RANKS)
def test_a_role_reaches_itself_and_what_is_below(held: str, needed: str) -> None:
    assert roles.at_least(held, needed) == (RANKS.index(held) >= RANKS.index(needed))


@pytest.mark.parametrize(("held", "needed"), [("emperor", "public"), ("owner", "emperor"), ("", ""), ("x", "x")])
def test_an_unknown_role_reaches_nothing_and_is_reached_by_nothing(held: str, needed: str) -> None:
    assert not roles.at_least(held, needed)


@pytest.mark.parametrize("text", [None, "", "emperor", "Owner"])
def test_an_unknown_role_is_none(text: str | None) -> None:
    assert roles.known(text) is None
