"""Who asks to join, over the API."""

from __future__ import annotations

import pytest
from django.core import mail
from django.utils import timezone

from authserver.models import Event
from authserver.services.standing import joining
from authserver.tasks import send_notices
from handles.models import Handle, JoinRequest, Membership
from tests.api.conftest import ACME, Caller, ok, problem, program, signed_in
from tests.people import Person, World, make_person

PATH = f"{ACME}/join-requests"


def ask(person: Person) -> str:
    asked = joining.ask(Handle.objects.get(slug="acme"), by=person.user, now=timezone.now())
    assert isinstance(asked, JoinRequest)
    return f"{PATH}/{asked.pk}"


@pytest.fixture
def asked(world: World) -> str:
    """The address of carol's request."""
    return ask(world.carol)


@pytest.mark.covers("req:P2")
def test_who_asks_is_listed_and_let_in_as_a_member(world: World, alice: Caller, asked: str) -> None:
    (told,) = ok(alice.get(PATH))["items"]
    assert (told["person"]["email"], f"{PATH}/{told['id']}") == ("carol@example.com", asked)
    added = ok(alice.post(f"{asked}/accept"))
    assert (added["person"]["email"], added["role"]) == ("carol@example.com", "member")
    assert ok(alice.get(PATH))["items"] == []
    send_notices()
    assert mail.outbox[-1].to == ["carol@example.com"]
    problem(alice.post(f"{asked}/accept"), 404, "not-found")
    problem(alice.post(f"{asked}/decline"), 404, "not-found")


@pytest.mark.covers("req:P2")
def test_who_is_declined_is_listed_no_more_and_not_told(world: World, asked: str) -> None:
    script = program(world.alice, "members.write")
    ok(script.post(f"{asked}/decline"), 204)
    problem(script.post(f"{asked}/decline"), 404, "not-found")
    problem(script.post(f"{asked}/accept"), 404, "not-found")
    assert ok(program(world.alice, "members.read").get(PATH))["items"] == []
    assert not Membership.objects.filter(handle__slug="acme", user=world.carol.user).exists()
    assert Event.objects.filter(tag="join:declined", person_id=world.carol.user.pk).count() == 1
    send_notices()
    assert {to for letter in mail.outbox for to in letter.to} == {"alice@example.com"}


def test_an_admin_answers_too(world: World, asked: str) -> None:
    Membership.objects.filter(handle__slug="acme", user=world.bob.user).update(role="admin")
    ok(signed_in(world.bob).post(f"{asked}/accept"))
    assert Membership.objects.get(handle__slug="acme", user=world.carol.user).role == "member"


def test_neither_a_member_nor_who_asked_answers(world: World, bob: Caller, carol: Caller, asked: str) -> None:
    for caller in (bob, carol):
        problem(caller.get(PATH), 404, "not-found")
        problem(caller.post(f"{asked}/accept"), 404, "not-found")
        problem(caller.post(f"{asked}/decline"), 404, "not-found")
    problem(program(world.alice, "members.read").post(f"{asked}/accept"), 403, "missing-scope")
    assert JoinRequest.objects.get().declined_at is None
    assert not Membership.objects.filter(handle__slug="acme", user=world.carol.user).exists()


def test_who_was_deactivated_or_added_meanwhile_is_not_let_in_again(world: World, alice: Caller, asked: str) -> None:
    type(world.carol.user).objects.filter(pk=world.carol.user.pk).update(is_active=False)
    problem(alice.post(f"{asked}/accept"), 404, "not-found")
    dave = make_person("dave@example.com")
    of_dave = ask(dave)
    ok(alice.post(f"{ACME}/members", {"email": "dave@example.com", "role": "admin"}), 201)
    problem(alice.post(f"{of_dave}/accept"), 409, "conflict")
    assert Membership.objects.get(handle__slug="acme", user=dave.user).role == "admin"


def test_a_request_that_was_never_made_is_not_found(alice: Caller) -> None:
    for number in ("0", "999999", "9" * 40):
        problem(alice.post(f"{PATH}/{number}/accept"), 404, "not-found")


def test_requests_are_listed_page_by_page(world: World, alice: Caller) -> None:
    asked = [ask(make_person(f"p{number}@example.com")) for number in range(3)]
    first = ok(alice.get(f"{PATH}?limit=2"))
    second = ok(alice.get(first["next"].removeprefix("http://127.0.0.1:8000")))
    assert [f"{PATH}/{each['id']}" for each in first["items"] + second["items"]] == asked
