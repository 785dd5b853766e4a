"""Two owners who leave at the same moment: one stays, whoever it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from authserver.models import PersonalAccessToken
from authserver.protocol.errors import Refusal
from authserver.services.standing import members
from handles.models import Handle, Membership
from handles.roles import Role
from tests.api.conftest import program
from tests.attacks.conftest import at_once
from tests.people import Person, World

ROUNDS = 5


def leave(handle: Handle, person: Person) -> Any:
    user = person.user
    return lambda: members.remove(handle, user, by=user, now=timezone.now())


def step_down(handle: Handle, person: Person) -> Any:
    user = person.user
    return lambda: members.set_role(handle, user, Role.MEMBER, by=user, now=timezone.now())


def throw_out(handle: Handle, person: Person, other: Person) -> Any:
    user, by = other.user, person.user
    return lambda: members.remove(handle, user, by=by, now=timezone.now())


def two_owners(world: World) -> Handle:
    handle = Handle.objects.get(slug="acme")
    for person in (world.alice, world.bob):
        Membership.objects.update_or_create(handle=handle, user=person.user, defaults={"role": Role.OWNER})
    return handle


@pytest.mark.parametrize("act", [leave, step_down], ids=["leave", "step down"])
def test_of_two_owners_who_go_at_once_one_stays(crowd: World, act: Any) -> None:
    for _ in range(ROUNDS):
        handle = two_owners(crowd)
        outcomes = at_once(act(handle, crowd.alice), act(handle, crowd.bob))
        assert [isinstance(each, Refusal) for each in outcomes].count(True) == 1
        assert Membership.objects.filter(handle=handle, role=Role.OWNER).count() == 1


def test_of_two_owners_who_throw_each_other_out_one_stays(crowd: World) -> None:
    for _ in range(ROUNDS):
        handle = two_owners(crowd)
        outcomes = at_once(throw_out(handle, crowd.alice, crowd.bob), throw_out(handle, crowd.bob, crowd.alice))
        assert [isinstance(each, Refusal) for each in outcomes].count(True) == 1
        assert Membership.objects.filter(handle=handle, role=Role.OWNER).count() == 1


def test_a_person_who_is_added_twice_at_once_is_a_member_once(crowd: World) -> None:
    handle, by, user = Handle.objects.get(slug="acme"), crowd.alice.user, crowd.carol.user
    act = lambda: members.add(handle, user, Role.MEMBER, by=by, now=timezone.now())  # noqa: E731
    outcomes = at_once(act, act, act)
    assert [isinstance(each, Membership) for each in outcomes].count(True) == 1
    assert Membership.objects.filter(handle=handle, user=user).count() == 1


def test_a_token_that_is_made_while_its_person_is_removed_does_not_live_on(crowd: World) -> None:
    handle, by = Handle.objects.get(slug="acme"), crowd.alice.user
    for _ in range(ROUNDS):
        Membership.objects.update_or_create(handle=handle, user=crowd.bob.user, defaults={"role": Role.MEMBER})

        def make() -> Any:
            try:
                return program(crowd.bob)
            except (AssertionError, Membership.DoesNotExist):  # the removal was quicker
                return None

        user = crowd.bob.user
        at_once(make, lambda user=user: members.remove(handle, user, by=by, now=timezone.now()))
        assert not PersonalAccessToken.objects.filter(handle=handle, user=user, ended_at=None).exists()
