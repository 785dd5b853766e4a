"""Connections over the API: at a handle, and one's own everywhere."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from authserver.models import Connection, Event, ScopeRequest
from authserver.services import connections
from handles.models import Membership
from tests.api.conftest import ACME, API, Caller, Connected, Connecting, ok, problem, program, signed_in
from tests.people import App, World

OWN = f"{API}/me/connections"


def ids(answer: object) -> list[str]:
    return [each["id"] for each in ok(answer)["items"]]


def wish(made: Connected, scope: str = "links.write") -> ScopeRequest:
    assert connections.wish(made.row.pk, scope, tool="create_link", now=timezone.now())
    return ScopeRequest.objects.get(connection=made.row, scope=scope)


def test_a_connection_is_told_as_it_is(world: World, alice: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    told = ok(alice.get(made.path))
    assert (told["status"], told["handle"], told["end_reason"], told["paused_by"]) == ("active", "acme", None, None)
    assert told["person"]["email"] == "bob@example.com"
    assert told["client"]["client_id"] == made.app.client_id
    assert "links.read" in told["scopes"]
    assert "last_address" not in told  # where a person connects from is theirs to see
    assert ok(signed_in(world.bob).get(made.own_path))["last_address"] == "127.0.0.1"
    assert made.held.access not in str(told)


def test_the_admin_of_another_handle_reaches_nothing(world: World, connect: Connecting) -> None:
    made = connect(world.alice)
    bob = signed_in(world.bob)  # owner of initech
    foreign = f"{API}/handles/initech/connections/{made.row.pk}"
    problem(bob.get(foreign), 404, "not-found")
    problem(bob.delete(foreign), 404, "not-found")
    problem(bob.post(f"{foreign}/pause"), 404, "not-found")
    problem(bob.put(f"{foreign}/withheld-scopes", {"scopes": ["links.read"]}), 404, "not-found")
    problem(bob.delete(made.own_path), 404, "not-found")
    assert made.now().is_live
    assert made.now().withheld_scopes == ""


def test_ending_holds_from_the_next_request_on(world: World, alice: Caller, connect: Connecting) -> None:
    of_bob, of_alice = connect(world.bob), connect(world.alice)
    for made in (of_bob, of_alice):
        ok(alice.delete(made.path), 204)
        ok(alice.delete(made.path), 204)  # twice is once
        assert not world.asker.is_active(made.held.access)
    assert (of_bob.now().end_reason, of_alice.now().end_reason) == ("handle_admin", "person")
    assert Event.objects.filter(tag="connection:revoked").count() == 2


def test_what_an_admin_paused_its_person_cannot_resume(world: World, alice: Caller, connect: Connecting) -> None:
    made, bob = connect(world.bob), signed_in(world.bob)
    told = ok(alice.post(f"{made.path}/pause"))
    assert (told["status"], told["paused_by"]) == ("paused", "handle_admin")
    assert not world.asker.is_active(made.held.access)
    for path in (f"{made.path}/resume", f"{made.own_path}/resume"):
        problem(bob.post(path), 409, "conflict")
    assert ok(alice.post(f"{made.path}/resume"))["status"] == "active"
    assert world.asker.is_active(made.held.access)


def test_a_person_pauses_and_resumes_their_own(world: World, bob: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    assert ok(bob.post(f"{made.own_path}/pause"))["paused_by"] == "person"
    assert ok(bob.post(f"{made.own_path}/pause"))["paused_by"] == "person"
    assert ok(bob.post(f"{made.path}/resume"))["status"] == "active"


def test_what_has_ended_is_neither_paused_nor_narrowed(world: World, alice: Caller, connect: Connecting) -> None:
    made = connect(world.alice)
    ok(alice.delete(made.path), 204)
    for path in (made.path, made.own_path):
        problem(alice.post(f"{path}/pause"), 409, "conflict")
        problem(alice.post(f"{path}/resume"), 409, "conflict")
    problem(alice.put(f"{made.path}/withheld-scopes", {"scopes": ["links.read"]}), 409, "conflict")
    problem(alice.put(f"{made.own_path}/scopes", {"scopes": []}), 409, "conflict")


def test_withheld_scopes_hold_at_once_and_come_back(world: World, alice: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    told = ok(alice.put(f"{made.path}/withheld-scopes", {"scopes": ["links.read"]}))
    assert told["withheld_scopes"] == ["links.read"]
    assert "links.read" not in told["scopes"]
    assert "links.read" not in world.asker.knows(made.held.access)["scope"].split()
    assert "links.read" in ok(alice.put(f"{made.path}/withheld-scopes", {"scopes": []}))["scopes"]


@pytest.mark.parametrize("scopes", [["mcp.connect"], ["nosuch"], ["links.read", "offline_access"], ["\ud800"], [""]])
def test_what_cannot_be_withheld_is_refused(
    world: World, alice: Caller, connect: Connecting, scopes: list[str]
) -> None:
    made = connect(world.bob)
    problem(alice.put(f"{made.path}/withheld-scopes", {"scopes": scopes}), 400, "invalid")
    assert made.now().withheld_scopes == ""


def test_a_member_withholds_nothing(world: World, bob: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    problem(bob.put(f"{made.path}/withheld-scopes", {"scopes": []}), 404, "not-found")


def test_a_person_narrows_and_ticks_again_what_was_allowed(world: World, bob: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    told = ok(bob.put(f"{made.own_path}/scopes", {"scopes": []}))
    assert "links.read" not in told["scopes"]
    assert "mcp.connect" in told["scopes"]  # part of every connection
    assert "links.read" not in world.asker.knows(made.held.access)["scope"].split()
    assert "links.read" in ok(bob.put(f"{made.own_path}/scopes", {"scopes": ["links.read"]}))["scopes"]


def test_a_person_cannot_tick_what_was_never_allowed(world: World, bob: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    problem(bob.put(f"{made.own_path}/scopes", {"scopes": ["links.read", "links.write"]}), 400, "invalid")
    assert "links.write" not in made.now().scopes


def test_a_wish_is_allowed_by_the_person_signed_in(world: World, bob: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    waiting = wish(made)
    path = f"{made.own_path}/wishes"
    (told,) = ok(bob.get(f"{path}?decision=open"))["items"]
    assert (told["scope"], told["tool"], told["decision"]) == ("links.write", "create_link", None)
    assert "links.write" in ok(bob.post(f"{path}/{waiting.pk}/allow"))["scopes"]
    problem(bob.post(f"{path}/{waiting.pk}/allow"), 409, "conflict")
    problem(bob.post(f"{path}/{waiting.pk}/decline"), 409, "conflict")
    assert ok(bob.get(f"{path}?decision=open"))["items"] == []


def test_a_token_allows_no_wish_and_may_decline_it(world: World, connect: Connecting) -> None:
    made = connect(world.bob)
    waiting, script = wish(made), program(world.bob)
    problem(script.post(f"{made.own_path}/wishes/{waiting.pk}/allow"), 403, "person-needed")
    assert "links.write" not in made.now().scopes
    ok(script.post(f"{made.own_path}/wishes/{waiting.pk}/decline"))
    assert ScopeRequest.objects.get(pk=waiting.pk).decision == "declined"


def test_the_wish_of_another_connection_is_not_found(
    world: World, bob: Caller, alice: Caller, connect: Connecting
) -> None:
    of_alice, of_bob = connect(world.alice), connect(world.bob)
    waiting = wish(of_alice)
    problem(bob.post(f"{of_bob.own_path}/wishes/{waiting.pk}/allow"), 404, "not-found")
    problem(bob.post(f"{of_alice.own_path}/wishes/{waiting.pk}/allow"), 404, "not-found")
    problem(bob.post(f"{of_bob.own_path}/wishes/{10**30}/allow"), 404, "not-found")
    assert "links.write" not in of_alice.now().scopes


def test_own_connections_are_those_of_every_handle_but_for_a_token(
    world: World, alice: Caller, connect: Connecting
) -> None:
    first, second = connect(world.alice), connect(world.alice, "globex")
    connect(world.bob)
    assert ids(alice.get(OWN)) == [str(second.row.pk), str(first.row.pk)]
    assert ids(alice.get(f"{OWN}?handle=acme")) == [str(first.row.pk)]
    script = program(world.alice)
    assert ids(script.get(OWN)) == [str(first.row.pk)]
    problem(script.delete(second.own_path), 404, "not-found")
    assert second.now().is_live


def test_a_lost_member_still_ends_what_is_their_own(world: World, bob: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    Membership.objects.filter(handle__slug="acme", user=world.bob.user).delete()
    problem(bob.get(made.path), 404, "not-found")
    assert ids(bob.get(OWN)) == [str(made.row.pk)]
    ok(bob.delete(made.own_path), 204)
    assert not made.now().is_live


def test_filters_narrow_the_list(world: World, alice: Caller, connect: Connecting) -> None:
    other = App.register("Claude", "https://claude.ai/api/mcp/auth_callback")
    first, second, third = connect(world.alice), connect(world.bob), connect(world.alice, app=other)
    ok(alice.post(f"{second.path}/pause"))
    ok(alice.delete(third.path), 204)
    path = f"{ACME}/connections"
    assert ids(alice.get(f"{path}?status=active")) == [str(first.row.pk)]
    assert ids(alice.get(f"{path}?status=paused")) == [str(second.row.pk)]
    assert ids(alice.get(f"{path}?status=ended")) == [str(third.row.pk)]
    assert ids(alice.get(path)) == [str(second.row.pk), str(first.row.pk)]
    assert ids(alice.get(f"{path}?client={other.client_id}&status=ended")) == [str(third.row.pk)]
    assert ids(alice.get(f"{path}?person={world.bob.user.pk}")) == [str(second.row.pk)]
    assert ids(alice.get(f"{path}?client=nosuch")) == []


def test_pages_are_stable_while_rows_are_added(world: World, alice: Caller, connect: Connecting) -> None:
    rows = [connect(world.bob, app=App.register(f"App {number}")).row for number in range(4)]
    Connection.objects.update(created_at=rows[0].created_at)  # the same microsecond: the id decides
    first = ok(alice.get(f"{ACME}/connections?limit=2"))
    late = connect(world.alice)
    second = ok(alice.get(first["next"].removeprefix("http://127.0.0.1:8000")))
    seen = [each["id"] for each in first["items"] + second["items"]]
    assert sorted(seen) == sorted(str(row.pk) for row in rows)
    assert second["next"] is None
    assert ids(alice.get(f"{ACME}/connections?limit=1")) == [str(late.row.pk)]


def test_a_connection_that_does_not_exist_is_not_found(alice: Caller) -> None:
    for path in (f"{ACME}/connections/{uuid4()}", f"{OWN}/{uuid4()}", f"{OWN}/1", f"{OWN}/{uuid4()}/wishes/1/allow"):
        problem(alice.delete(path) if "wishes" not in path else alice.post(path), 404, "not-found")
