"""Invitations over the API: by mail and as a link, for those the caller's role reaches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from authserver.models import Event
from authserver.tasks import send_notices
from handles.models import Handle, Invitation, Membership
from tests.api.conftest import ACME, Caller, ok, problem, program, signed_in
from tests.flows.handles.people import join_by_link
from tests.people import World

PATH = f"{ACME}/invitations"
LINK = {"role": "member", "expires_in_days": 7}
MAIL = LINK | {"email": "Noor@Example.com"}


@pytest.fixture
def admin(world: World) -> Caller:
    Membership.objects.create(user=world.carol.user, handle=Handle.objects.get(slug="acme"), role="admin")
    return signed_in(world.carol)


def listed(caller: Caller) -> list[dict[str, Any]]:
    return ok(caller.get(PATH))["items"]


@pytest.mark.covers("req:P2")
def test_a_link_is_shown_once_and_lets_in_as_many_as_it_says(world: World, alice: Caller) -> None:
    made = ok(alice.post(PATH, LINK | {"uses_max": 2}), 201)
    address, _, secret = made["link"].partition("#")
    assert (address, made["email"], made["uses"], made["uses_max"]) == ("http://127.0.0.1:8000/invitations", None, 0, 2)
    (told,) = listed(alice)
    assert told == {name: value for name, value in made.items() if name != "link"}
    assert (told["made_by"]["email"], told["is_worth_something"]) == ("alice@example.com", True)
    one = alice.get(f"{PATH}/{made['id']}")
    assert ok(one) == told
    assert secret not in one.content.decode() + str(list(Event.objects.values()))

    world.carol.http.force_login(world.carol.user)
    join_by_link(world.carol, secret)
    assert Membership.objects.get(handle__slug="acme", user=world.carol.user).role == "member"
    assert listed(alice)[0]["uses"] == 1


@pytest.mark.covers("req:P2")
def test_an_invitation_by_mail_is_sent_and_its_answer_holds_no_secret(world: World) -> None:
    made = ok(program(world.alice, "members.write").post(PATH, MAIL), 201)
    assert (made["email"], made["uses_max"], made["link"]) == ("noor@example.com", 1, None)
    send_notices()
    assert [letter.to for letter in mail.outbox].count(["noor@example.com"]) == 1
    event = Event.objects.get(tag="invitation:created")
    assert (event.handle, event.detail["kind"], event.detail["role"]) == ("acme", "mail", "member")
    assert "noor" not in str(event.detail)


def test_a_link_works_once_unless_more_is_asked_for(alice: Caller) -> None:
    assert ok(alice.post(PATH, LINK), 201)["uses_max"] == 1
    assert ok(alice.post(PATH, LINK | {"uses_max": None}), 201)["uses_max"] is None
    assert ok(alice.post(PATH, LINK | {"uses_max": 500}), 201)["uses_max"] == 500


def test_who_revokes_ends_it_for_good(world: World, alice: Caller) -> None:
    made = ok(alice.post(PATH, LINK), 201)
    ok(alice.delete(f"{PATH}/{made['id']}"), 204)
    problem(alice.get(f"{PATH}/{made['id']}"), 404, "not-found")
    problem(alice.delete(f"{PATH}/{made['id']}"), 404, "not-found")
    assert listed(alice) == []
    assert Invitation.objects.get().ending == "revoked"
    assert Event.objects.filter(tag="invitation:revoked", handle="acme").count() == 1


def test_one_that_expired_is_neither_listed_nor_revoked(world: World) -> None:
    made = ok(signed_in(world.alice).post(PATH, LINK), 201)
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1), tick=False):
        alice = signed_in(world.alice)
        assert listed(alice) == []
        problem(alice.delete(f"{PATH}/{made['id']}"), 404, "not-found")


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_an_admin_invites_members_only(world: World, admin: Caller, role: str) -> None:
    for body in (LINK, MAIL):
        problem(admin.post(PATH, body | {"role": role}), 403, "forbidden")
        problem(program(world.carol, "members.write").post(PATH, body | {"role": role}), 403, "forbidden")
    assert not Invitation.objects.exists()
    ok(admin.post(PATH, LINK), 201)


def test_what_its_maker_may_no_longer_give_is_listed_as_worth_nothing(alice: Caller, admin: Caller) -> None:
    ok(admin.post(PATH, LINK), 201)
    ok(alice.post(PATH, LINK | {"role": "admin"}), 201)
    Membership.objects.filter(handle__slug="acme", role="admin").update(role="member")
    assert [(each["role"], each["is_worth_something"]) for each in listed(alice)] == [
        ("admin", True),
        ("member", False),
    ]


def test_a_member_reaches_none_of_it(alice: Caller, bob: Caller) -> None:
    one = f"{PATH}/{ok(alice.post(PATH, LINK), 201)['id']}"
    problem(bob.get(PATH), 404, "not-found")
    problem(bob.post(PATH, LINK), 404, "not-found")
    problem(bob.get(one), 404, "not-found")
    problem(bob.delete(one), 404, "not-found")
    assert Invitation.objects.get().ended_at is None


def test_a_token_needs_the_scopes_of_members(world: World) -> None:
    reader, other = program(world.alice, "members.read"), program(world.alice, "handle.write")
    problem(reader.post(PATH, LINK), 403, "missing-scope")
    problem(other.get(PATH), 403, "missing-scope")
    assert not Invitation.objects.exists()


NO_OFFERS: list[tuple[dict[str, Any], str]] = [
    *[({"uses_max": each}, "uses_max") for each in (0, -1, 501, True, "2", 1.5, [], 10**30)],
    *[({"expires_in_days": each}, "expires_in_days") for each in (0, 2, 31, "7", None, 7.5)],
    *[({"role": each}, "role") for each in ("public", "", None, 1)],
    *[({"email": each}, "email") for each in ("", "noor", "noor@", None, 7, "a\x00@example.com", ["x"])],
    ({"email": "noor@example.com", "uses_max": 2}, "uses_max"),
    ({"email": "noor@example.com", "uses_max": None}, "uses_max"),
    ({"secret": "inv_x"}, "secret"),
]


def test_only_what_can_be_offered_is_taken(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authserver.policy.API_MEMBERS_ADDED_PER_MINUTE", 100)
    for changed, field in NO_OFFERS:
        told = problem(alice.post(PATH, LINK | changed), 400, "invalid")
        assert {each["field"] for each in told["errors"]} == {field}, changed
    assert not Invitation.objects.exists()


def test_nobody_is_invited_again_and_again_nor_who_is_a_member(alice: Caller) -> None:
    problem(alice.post(PATH, MAIL | {"email": "bob@example.com"}), 409, "conflict")
    ok(alice.post(PATH, MAIL), 201)
    problem(alice.post(PATH, MAIL), 409, "conflict")
    assert Invitation.objects.count() == 1


def test_a_handle_invites_no_more_than_it_may(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authserver.policy.INVITATIONS_OPEN_MAX", 1)
    ok(alice.post(PATH, LINK), 201)
    problem(alice.post(PATH, LINK), 409, "conflict")


def test_invitations_count_with_the_addresses_that_are_tried(
    world: World, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authserver.policy.API_MEMBERS_ADDED_PER_MINUTE", 1)
    problem(alice.post(f"{ACME}/members", {"email": "nobody@example.com", "role": "member"}), 409, "not-addable")
    problem(alice.post(PATH, MAIL), 429, "too-many-requests")
    problem(program(world.alice).post(PATH, LINK), 429, "too-many-requests")
    ok(alice.get(PATH))


def test_invitations_are_listed_page_by_page(alice: Caller) -> None:
    made = [ok(alice.post(PATH, LINK), 201)["id"] for _ in range(3)]
    first = ok(alice.get(f"{PATH}?limit=2"))
    second = ok(alice.get(first["next"].removeprefix("http://127.0.0.1:8000")))
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None
