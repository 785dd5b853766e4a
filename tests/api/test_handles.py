"""Handles, their addresses and their use, over the API."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from authserver.models import ConnectionUse, Event, ProtectedResource
from handles.models import Handle, Membership
from tests.api.conftest import ACME, API, Caller, Connecting, ok, problem, program, signed_in
from tests.people import GATEWAY, World, compat, hosted


def test_a_handle_is_told_with_the_callers_role(alice: Caller, bob: Caller) -> None:
    told = ok(alice.get(ACME))
    assert (told["handle"], told["name"], told["role"], told["visibility"]) == ("acme", "Acme Inc.", "owner", "private")
    assert ok(bob.get(ACME))["role"] == "member"


def test_the_list_is_that_of_the_caller_page_by_page(alice: Caller, bob: Caller, carol: Caller) -> None:
    first = ok(alice.get(f"{API}/handles?limit=1"))
    assert [each["handle"] for each in first["items"]] == ["acme"]
    second = ok(alice.get(first["next"].removeprefix("http://127.0.0.1:8000")))
    assert ([each["handle"] for each in second["items"]], second["next"]) == (["globex"], None)
    assert [each["role"] for each in ok(bob.get(f"{API}/handles"))["items"]] == ["member", "owner"]
    assert ok(carol.get(f"{API}/handles")) == {"items": [], "next": None}


def test_a_suspended_handle_is_listed_and_shows_nothing(alice: Caller) -> None:
    Handle.objects.filter(slug="acme").update(status="suspended")
    assert [each["status"] for each in ok(alice.get(f"{API}/handles"))["items"]] == ["suspended", "active"]
    problem(alice.get(ACME), 404, "not-found")


def test_a_handle_has_one_address_here(alice: Caller) -> None:
    for slug in ("Acme", "@acme", "acme%20", "ACME", "acme%00", "acm\u00e9", "-", "a" * 300):
        problem(alice.get(f"{API}/handles/{slug}"), 404, "not-found")


def test_a_guest_of_a_public_handle_has_no_seat(world: World, carol: Caller) -> None:
    Handle.objects.update(visibility="public")
    problem(carol.get(f"{ACME}/resources"), 404, "not-found")


def test_the_three_addresses_and_which_is_canonical(world: World, bob: Caller) -> None:
    told = ok(bob.get(f"{ACME}/resources"))
    assert told["canonical"] == hosted("acme")
    assert [each["url"] for each in told["endpoints"]] == [hosted("acme"), compat("acme"), GATEWAY]
    ProtectedResource.objects.filter(kind="hosted").update(is_active=False)
    told = ok(bob.get(f"{ACME}/resources"))
    assert told["canonical"] == compat("acme")
    assert [each["is_active"] for each in told["endpoints"]] == [False, True, True]
    ProtectedResource.objects.update(is_active=False)
    assert ok(bob.get(f"{ACME}/resources"))["canonical"] is None


def test_addresses_of_other_handles_are_not_told(world: World, bob: Caller) -> None:
    own, others = Handle.objects.get(slug="acme"), Handle.objects.get(slug="globex")
    ProtectedResource.objects.create(name="Draft", address="https://draft.example/mcp", handle=own, stage="draft")
    ProtectedResource.objects.create(name="Theirs", address="https://theirs.example/mcp", handle=others)
    ProtectedResource.objects.create(name="Each", address="https://each.example/{handle}/mcp")
    urls = [each["url"] for each in ok(bob.get(f"{ACME}/resources"))["endpoints"]]
    assert urls[3:] == ["https://draft.example/mcp", "https://each.example/acme/mcp"]


def test_use_is_counted_per_connection(world: World, alice: Caller, connect: Connecting) -> None:
    made = connect(world.bob)
    ConnectionUse.objects.create(connection=made.row, day=timezone.now().date(), introspections=7)
    (told,) = ok(alice.get(f"{ACME}/usage"))["items"]
    assert (told["connection_id"], told["introspections"], told["calls"]) == (str(made.row.pk), 7, 0)
    ok(alice.delete(made.path), 204)
    assert ok(alice.get(f"{ACME}/usage"))["items"] == []


def test_who_lost_their_seat_sees_nothing_at_once(world: World, bob: Caller) -> None:
    ok(bob.get(ACME))
    Membership.objects.filter(handle__slug="acme", user=world.bob.user).delete()
    problem(bob.get(ACME), 404, "not-found")


@pytest.mark.covers("req:P2")
def test_an_owner_changes_the_settings_and_what_is_left_out_stays(world: World, alice: Caller) -> None:
    told = ok(alice.patch(ACME, {"name": "  Acme\u200b & Co. "}))
    assert (told["name"], told["visibility"], told["role"]) == ("Acme & Co.", "private", "owner")
    told = ok(program(world.alice, "handle.write").patch(ACME, {"visibility": "public"}))
    assert (told["name"], told["visibility"]) == ("Acme & Co.", "public")
    assert ok(alice.patch(ACME, {}))["visibility"] == "public"
    events = Event.objects.filter(tag="handle:changed", handle="acme").order_by("pk")
    assert [each.detail["fields"] for each in events] == [["display_name"], ["visibility"]]


@pytest.mark.parametrize("role", ["admin", "member"])
def test_the_settings_are_for_owners_only(world: World, role: str) -> None:
    Membership.objects.filter(handle__slug="acme", user=world.bob.user).update(role=role)
    bob = signed_in(world.bob)
    problem(bob.patch(ACME, {"name": "Mine"}), 404, "not-found")
    problem(bob.put(f"{ACME}/status", {"status": "suspended"}), 404, "not-found")
    problem(program(world.bob).patch(ACME, {"visibility": "public"}), 403, "missing-scope")
    problem(program(world.alice, "handle.read").patch(ACME, {"name": "Mine"}), 403, "missing-scope")
    acme = Handle.objects.get(slug="acme")
    assert (acme.display_name, acme.visibility, acme.status) == ("Acme Inc.", "private", "active")


def test_a_token_of_an_owner_who_stepped_down_changes_no_settings(world: World) -> None:
    script = program(world.alice, "handle.write")
    Membership.objects.filter(handle__slug="acme", user=world.alice.user).update(role="admin")
    problem(script.patch(ACME, {"name": "Still mine"}), 404, "not-found")
    assert Handle.objects.get(slug="acme").display_name == "Acme Inc."


NO_SETTINGS: list[tuple[object, str]] = [
    *[({"name": each}, "name") for each in ("", "   ", "\u200b\u200b", "x" * 81, None, 7, ["x"], "a\x00b")],
    *[({"visibility": each}, "visibility") for each in ("secret", "", None, True)],
    *[({name: "acme2"}, name) for name in ("handle", "slug", "display_name", "status", "suspended_by", "role")],
    ([], "body"),
    ("x", "body"),
]


def test_no_other_settings_are_taken(alice: Caller) -> None:
    for body, field in NO_SETTINGS:
        told = problem(alice.patch(ACME, json.dumps(body)), 400, "invalid")
        assert [each["field"] for each in told["errors"]] == [field], body
    assert not Event.objects.filter(tag="handle:changed").exists()


@pytest.mark.covers("req:P2")
def test_an_owner_suspends_and_activates_signed_in(world: World, alice: Caller, connect: Connecting) -> None:
    held, script = connect(world.bob).held, program(world.alice)
    problem(script.put(f"{ACME}/status", {"status": "suspended"}), 403, "person-needed")
    assert ok(alice.put(f"{ACME}/status", {"status": "suspended"}))["status"] == "suspended"
    assert not world.asker.is_active(held.access)
    problem(script.get(ACME), 401, "bad-token")
    problem(alice.get(f"{ACME}/members"), 404, "not-found")
    assert ok(alice.patch(ACME, {"name": "Back soon"}))["status"] == "suspended"
    assert ok(alice.put(f"{ACME}/status", {"status": "active"}))["status"] == "active"
    assert world.asker.is_active(held.access)
    ok(script.get(ACME))


def test_what_an_administrator_suspended_stays_so(alice: Caller) -> None:
    Handle.objects.filter(slug="acme").update(status="suspended", suspended_by="administrator")
    problem(alice.put(f"{ACME}/status", {"status": "active"}), 403, "forbidden")
    assert Handle.objects.get(slug="acme").status == "suspended"


def test_a_handle_has_one_address_for_its_settings_too(alice: Caller) -> None:
    for slug in ("Acme", "@acme", "nosuch", "initech"):
        problem(alice.patch(f"{API}/handles/{slug}", {"name": "x"}), 404, "not-found")
