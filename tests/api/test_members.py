"""Members over the API."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress

from accounts.models import User
from authserver.models import Connection, Event, PersonalAccessToken
from handles.models import Handle, Membership
from tests.api.conftest import ACME, API, Caller, Connecting, ok, problem, program, signed_in
from tests.people import Person, World, make_person

CAROL = {"email": "carol@example.com", "role": "member"}


def path(person: Person, handle: str = "acme") -> str:
    return f"{API}/handles/{handle}/members/{person.user.pk}"


def seat(world: World, person: Person, role: str, handle: str = "acme") -> Caller:
    Membership.objects.update_or_create(
        user=person.user, handle=Handle.objects.get(slug=handle), defaults={"role": role}
    )
    return signed_in(person)


def roles() -> dict[str, str]:
    held = Membership.objects.filter(handle__slug="acme").select_related("user")
    return {each.user.email.partition("@")[0]: each.role for each in held}


def test_an_owner_adds_changes_and_removes(world: World, alice: Caller) -> None:
    added = ok(alice.post(f"{ACME}/members", CAROL), 201)
    assert (added["person"]["email"], added["role"]) == ("carol@example.com", "member")
    assert ok(alice.patch(path(world.carol), {"role": "admin"}))["role"] == "admin"
    assert ok(alice.get(path(world.carol)))["role"] == "admin"
    ok(alice.delete(path(world.carol)), 204)
    problem(alice.get(path(world.carol)), 404, "not-found")
    tags = Event.objects.filter(tag__startswith="member:").order_by("pk").values_list("tag", "handle", "person_id")
    assert [each[0] for each in tags] == ["member:added", "member:role_changed", "member:removed"]
    assert {each[1:] for each in tags} == {("acme", world.carol.user.pk)}


def test_an_address_is_found_however_it_is_typed(world: World, alice: Caller) -> None:
    ok(alice.post(f"{ACME}/members", {"email": "Carol@Example.COM", "role": "member"}), 201)


def neutral(answer: Any) -> dict[str, Any]:
    return problem(answer, 409, "not-addable") | {"instance": ""}


def test_who_cannot_be_added_all_look_the_same(world: World, alice: Caller) -> None:
    User.objects.filter(email="carol@example.com").update(is_active=False)
    User.objects.create_user("invited@example.com", None)
    early = User.objects.create_user("early@example.com", "x")
    EmailAddress.objects.create(user=early, email=early.email, verified=False, primary=True)
    addresses = ["carol@example.com", "nobody@example.com", "invited@example.com", "early@example.com"]
    told = [neutral(alice.post(f"{ACME}/members", {"email": each, "role": "member"})) for each in addresses]
    assert [body for body in told if body != told[0]] == []
    assert not any(address in str(told) for address in addresses)


def test_addresses_cannot_be_tried_one_after_the_other(
    world: World, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authserver.policy.API_MEMBERS_ADDED_PER_MINUTE", 2)
    for name in ("one", "two"):
        neutral(alice.post(f"{ACME}/members", {"email": f"{name}@example.com", "role": "member"}))
    problem(alice.post(f"{ACME}/members", CAROL), 429, "too-many-requests")
    script = program(world.alice)
    problem(script.post(f"{ACME}/members", CAROL), 429, "too-many-requests")  # a token is no further chance
    ok(alice.get(f"{ACME}/members"))


def test_who_is_a_member_is_not_added_again(world: World, alice: Caller) -> None:
    problem(alice.post(f"{ACME}/members", {"email": "bob@example.com", "role": "owner"}), 409, "conflict")
    assert roles()["bob"] == "member"


@pytest.mark.parametrize("role", ["public", "king", "", "Owner", 1, None, True, ["owner"], {"a": 1}])
def test_only_roles_that_exist_are_given(world: World, alice: Caller, role: object) -> None:
    body = problem(alice.post(f"{ACME}/members", {"email": "carol@example.com", "role": role}), 400, "invalid")
    assert [each["field"] for each in body["errors"]] == ["role"]
    problem(alice.patch(path(world.bob), {"role": role}), 400, "invalid")
    assert roles() == {"alice": "owner", "bob": "member"}


def test_a_member_manages_nobody(world: World, bob: Caller) -> None:
    problem(bob.post(f"{ACME}/members", CAROL), 404, "not-found")
    problem(bob.patch(path(world.alice), {"role": "member"}), 404, "not-found")
    problem(bob.patch(path(world.bob), {"role": "owner"}), 404, "not-found")
    problem(bob.delete(path(world.alice)), 404, "not-found")
    assert roles() == {"alice": "owner", "bob": "member"}


def test_an_admin_manages_members_only(world: World) -> None:
    carol = seat(world, world.carol, "admin")
    make_person("dave@example.com")
    problem(carol.post(f"{ACME}/members", {"email": "dave@example.com", "role": "admin"}), 403, "forbidden")
    problem(carol.patch(path(world.bob), {"role": "admin"}), 403, "forbidden")
    problem(carol.patch(path(world.carol), {"role": "owner"}), 403, "forbidden")
    problem(carol.patch(path(world.alice), {"role": "member"}), 403, "forbidden")
    problem(carol.delete(path(world.alice)), 403, "forbidden")
    ok(carol.post(f"{ACME}/members", {"email": "dave@example.com", "role": "member"}), 201)
    ok(carol.delete(path(world.bob)), 204)
    assert roles() == {"alice": "owner", "carol": "admin", "dave": "member"}


def test_an_admin_cannot_touch_another_admin(world: World) -> None:
    carol = seat(world, world.carol, "admin")
    seat(world, world.bob, "admin")
    problem(carol.delete(path(world.bob)), 403, "forbidden")
    problem(carol.patch(path(world.bob), {"role": "member"}), 403, "forbidden")


def test_the_last_owner_stays_owner(world: World, alice: Caller) -> None:
    problem(alice.delete(path(world.alice)), 409, "conflict")
    problem(alice.patch(path(world.alice), {"role": "admin"}), 409, "conflict")
    bob = seat(world, world.bob, "owner")
    ok(alice.patch(path(world.alice), {"role": "admin"}))
    problem(bob.delete(path(world.bob)), 409, "conflict")
    assert roles() == {"alice": "admin", "bob": "owner"}


def test_an_owner_who_cannot_sign_in_does_not_count(world: World, alice: Caller) -> None:
    seat(world, world.bob, "owner")
    User.objects.filter(email="bob@example.com").update(is_active=False)
    problem(alice.delete(path(world.alice)), 409, "conflict")


def test_everybody_may_leave_and_step_down(world: World, bob: Caller) -> None:
    ok(bob.delete(path(world.bob)), 204)
    problem(bob.get(ACME), 404, "not-found")
    carol = seat(world, world.carol, "admin")
    ok(carol.patch(path(world.carol), {"role": "member"}))
    problem(carol.get(path(world.carol)), 404, "not-found")


def test_removal_ends_what_the_person_had_at_this_handle_and_nothing_else(
    world: World, alice: Caller, connect: Connecting
) -> None:
    here, elsewhere, of_alice = connect(world.bob), connect(world.bob, "initech"), connect(world.alice)
    script, other = program(world.bob), program(world.bob, handle="initech")
    ok(alice.delete(path(world.bob)), 204)
    assert here.now().end_reason == Connection.EndReason.MEMBER_REMOVED
    assert elsewhere.now().is_live
    assert of_alice.now().is_live
    assert not world.asker.is_active(here.held.access)
    assert world.asker.is_active(elsewhere.held.access)
    assert PersonalAccessToken.objects.get(pk=script.row.pk).ended_at is not None
    problem(script.get(ACME), 401, "bad-token")
    ok(other.get(f"{API}/handles/initech"))


def test_a_lower_role_holds_from_the_next_question_on(world: World, alice: Caller, connect: Connecting) -> None:
    bob = seat(world, world.bob, "admin")
    held = connect(world.bob).held
    ok(bob.get(f"{ACME}/members"))
    ok(alice.patch(path(world.bob), {"role": "member"}))
    problem(bob.get(f"{ACME}/members"), 404, "not-found")
    assert world.asker.knows(held.access)["handle_role"] == "member"


def test_a_member_of_another_handle_is_not_found_here(world: World, alice: Caller) -> None:
    for method in ("GET", "DELETE"):
        problem(alice.send(method, path(world.carol)), 404, "not-found")
    problem(alice.patch(path(world.carol), {"role": "member"}), 404, "not-found")


def test_members_are_listed_page_by_page(world: World, alice: Caller) -> None:
    for number in range(5):
        ok(alice.post(f"{ACME}/members", {"email": make_person(f"p{number}@example.com").email, "role": "member"}), 201)
    seen: list[str] = []
    following = f"{ACME}/members?limit=2"
    while following:
        told = ok(alice.get(following.removeprefix("http://127.0.0.1:8000")))
        assert len(told["items"]) <= 2
        seen += [each["person"]["email"] for each in told["items"]]
        following = told["next"]
    assert seen == ["alice@example.com", "bob@example.com", *(f"p{number}@example.com" for number in range(5))]
