"""Handles, their addresses and their use, over the API."""

from __future__ import annotations

from django.utils import timezone

from authserver.models import ConnectionUse, ProtectedResource
from handles.models import Handle, Membership
from tests.api.conftest import ACME, API, Caller, Connecting, ok, problem
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
