"""Who may call: sessions that prove where they come from, and tokens within their scopes, handle and person."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client as Http
from django.utils import timezone

from authserver.models import Connection, PersonalAccessToken
from authserver.services import personal_tokens
from authserver.services.usage import marks
from handles.models import Handle, Membership
from tests.api.conftest import ACME, API, EVERY_SCOPE, Caller, Connecting, ok, problem, program, signed_in
from tests.people import World

NOBODY = Caller(Http())


def test_nobody_gets_nothing(world: World) -> None:
    told = NOBODY.get(ACME)
    problem(told, 401, "unauthenticated")
    assert told["WWW-Authenticate"] == 'Bearer realm="control plane"'


def test_a_bridge_credential_is_told_that_this_is_no_mcp_endpoint(world: World, connect: Connecting) -> None:
    held = connect(world.alice).held
    for token in (held.access, "mcpv1_nothing"):
        told = NOBODY.get(ACME, Authorization=f"Bearer {token}")
        body = problem(told, 401, "bridge-credential")
        assert token not in str(body)


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", "bearer pat_x", "Basic YWxpY2U6eA==", "pat_x", "Bearer mcprt_x", "Bearer \u00e9"],
)
def test_any_other_authorization_is_refused(world: World, header: str) -> None:
    told = NOBODY.get(ACME, Authorization=header)
    problem(told, 401, "bad-token")
    assert told["WWW-Authenticate"] == 'Bearer realm="control plane", error="invalid_token"'


def test_a_bad_token_does_not_fall_back_on_the_session(alice: Caller) -> None:
    ok(alice.get(ACME))
    problem(alice.get(ACME, Authorization="Bearer pat_x"), 401, "bad-token")


def test_a_revoked_token_is_refused_at_once(world: World) -> None:
    script = program(world.alice)
    ok(script.get(ACME))
    personal_tokens.revoke(script.row, by=world.alice.user, now=timezone.now())
    problem(script.get(ACME), 401, "bad-token")


def test_an_expired_token_is_refused(world: World) -> None:
    script = program(world.alice, days=7)
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1), tick=False):
        problem(script.get(ACME), 401, "bad-token")


@pytest.mark.parametrize("loss", ["deactivated", "removed", "suspended"])
def test_a_token_dies_with_what_it_rests_on(world: World, loss: str) -> None:
    script = program(world.alice)
    if loss == "deactivated":
        type(world.alice.user).objects.filter(pk=world.alice.user.pk).update(is_active=False)
    elif loss == "removed":
        Membership.objects.filter(handle__slug="acme", user=world.alice.user).delete()
    else:
        Handle.objects.filter(slug="acme").update(status="suspended")
    problem(script.get(ACME), 401, "bad-token")


def test_a_token_of_a_person_who_was_demoted_sees_what_a_member_sees(world: World) -> None:
    script = program(world.alice)
    ok(script.get(f"{ACME}/members"))
    Membership.objects.filter(handle__slug="acme", user=world.alice.user).update(role="member")
    for path in ("members", "invitations", "join-requests", "events", "clients", "client-policy"):
        problem(script.get(f"{ACME}/{path}"), 404, "not-found")
    ok(script.get(f"{ACME}/connections"))


READING = {
    "": "handle.read",
    "/members": "members.read",
    "/invitations": "members.read",
    "/join-requests": "members.read",
    "/connections": "connections.read",
    "/clients": "clients.read",
    "/client-policy": "clients.read",
    "/events": "events.read",
    "/tokens": "tokens.read",
    "/resources": "resources.read",
    "/usage": "usage.read",
}


@pytest.mark.parametrize(("path", "scope"), READING.items())
def test_a_token_without_the_scope_is_told_which(world: World, path: str, scope: str) -> None:
    others = [name for name in EVERY_SCOPE if name != scope]
    told = program(world.alice, *others).get(ACME + path)
    assert problem(told, 403, "missing-scope")["scope"] == scope
    assert f'error="insufficient_scope", scope="{scope}"' in told["WWW-Authenticate"]


@pytest.mark.parametrize(("path", "scope"), READING.items())
def test_a_token_with_the_scope_is_let_in(world: World, path: str, scope: str) -> None:
    ok(program(world.alice, scope).get(ACME + path))


def test_a_catalog_scope_opens_nothing_here(world: World) -> None:
    script = program(world.alice, "links.read")
    for path in READING:
        problem(script.get(ACME + path), 403, "missing-scope")


def test_a_token_reads_nothing_at_another_handle_of_its_person(world: World) -> None:
    script = program(world.alice)
    for path in READING:
        problem(script.get(f"{API}/handles/globex{path}"), 404, "not-found")


def test_a_token_lists_its_own_handle_only(world: World, alice: Caller) -> None:
    assert [each["handle"] for each in ok(alice.get(f"{API}/handles"))["items"]] == ["acme", "globex"]
    assert [each["handle"] for each in ok(program(world.alice).get(f"{API}/handles"))["items"]] == ["acme"]


def test_a_session_without_csrf_token_changes_nothing(world: World, connect: Connecting) -> None:
    made = connect(world.alice)
    http = Http(enforce_csrf_checks=True)
    http.force_login(world.alice.user)
    bare = Caller(http)
    ok(bare.get(made.path))
    problem(bare.delete(made.path), 403, "bad-csrf")
    problem(bare.post(f"{made.path}/pause"), 403, "bad-csrf")
    assert made.now().is_live
    assert not made.now().paused_at


def test_another_site_changes_nothing_with_a_stolen_csrf_token(
    alice: Caller, world: World, connect: Connecting
) -> None:
    made = connect(world.alice)
    problem(alice.post(f"{made.path}/pause", Origin="https://evil.example"), 403, "bad-csrf")
    assert not made.now().paused_at
    ok(alice.post(f"{made.path}/pause", Origin="http://127.0.0.1:8000"))


def test_no_answer_lets_pages_of_other_origins_read_it(alice: Caller) -> None:
    told = alice.get(f"{API}/me", Origin="https://evil.example")
    assert [name for name in told.headers if name.lower().startswith("access-control")] == []


def test_me_names_the_person_and_what_they_call_with(world: World, alice: Caller) -> None:
    me = ok(alice.get(f"{API}/me"))
    assert (me["email"], me["token"]) == ("alice@example.com", None)
    script = program(world.alice, "events.read")
    me = ok(script.get(f"{API}/me"))
    assert me["csrf_token"] is None
    assert me["token"]["scopes"] == ["events.read"]
    assert script.secret not in str(me)


def test_who_is_throttled_is_told_for_how_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authserver.policy.API_REQUESTS_PER_MINUTE", 2)
    script, other = program(world.alice), program(world.alice)
    ok(script.get(ACME))
    ok(script.get(ACME))
    told = script.get(ACME)
    problem(told, 429, "too-many-requests")
    assert 1 <= int(told["Retry-After"]) <= 61
    ok(other.get(ACME))  # counted by itself
    ok(signed_in(world.bob).get(ACME))


def test_an_administrator_of_the_server_has_no_seat_by_that(world: World) -> None:
    root = signed_in(world.admin)
    for path in READING:
        problem(root.get(ACME + path), 404, "not-found")


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_an_outsider_sees_a_handle_of_others_like_one_that_does_not_exist(
    world: World, carol: Caller, visibility: str
) -> None:
    Handle.objects.update(visibility=visibility)
    for path in READING:
        bodies = [problem(carol.get(f"{API}/handles/{name}{path}"), 404, "not-found") for name in ("acme", "nosuch")]
        first, second = (body | {"instance": ""} for body in bodies)
        assert first == second


def test_a_member_does_not_see_what_is_for_admins(bob: Caller) -> None:
    for path in ("members", "invitations", "join-requests", "clients", "client-policy", "events"):
        problem(bob.get(f"{ACME}/{path}"), 404, "not-found")


def test_a_member_sees_only_what_is_their_own(world: World, bob: Caller, alice: Caller, connect: Connecting) -> None:
    of_alice, of_bob = connect(world.alice), connect(world.bob)
    assert [each["id"] for each in ok(bob.get(f"{ACME}/connections"))["items"]] == [str(of_bob.row.pk)]
    problem(bob.get(of_alice.path), 404, "not-found")
    problem(bob.delete(of_alice.path), 404, "not-found")
    assert len(ok(alice.get(f"{ACME}/connections"))["items"]) == 2
    assert [each["connection_id"] for each in ok(bob.get(f"{ACME}/usage"))["items"]] == [str(of_bob.row.pk)]
    assert Connection.objects.filter(ended_at=None).count() == 2


def test_last_used_of_a_token_is_noted(world: World) -> None:
    script = program(world.alice)
    ok(script.get(ACME))
    marks.flush()
    assert PersonalAccessToken.objects.get(pk=script.row.pk).last_used_at is not None
