"""Cursors that were made up, members that nobody asked for, text that breaks what is behind it."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from authserver.models import Connection, PersonalAccessToken
from handles.models import Handle, Invitation, Membership
from tests.api.conftest import ACME, API, Caller, ok, problem, program, signed_in
from tests.people import App, World


@pytest.fixture
def alice(world: World) -> Caller:
    return signed_in(world.alice)


LISTS = {
    "connections": ["0-" + "0" * 32, "9" * 16 + "-" + "f" * 32, "1-" + "5" * 32],
    "tokens": ["0-" + "0" * 32, "9" * 16 + "-" + "f" * 32],
    "usage": ["9" * 16 + "-" + "f" * 32],
    "members": ["1", "9" * 18],
    "invitations": ["0-" + "0" * 32, "9" * 16 + "-" + "f" * 32],
    "join-requests": ["1", "9" * 18],
    "events": ["1", "9" * 18],
    "clients": ["0" * 32, "f" * 32],
}


@pytest.mark.parametrize(("name", "cursor"), [(name, each) for name, found in LISTS.items() for each in found])
def test_a_made_up_cursor_shows_nothing_that_the_list_does_not(
    world: World, chatgpt: App, name: str, cursor: str
) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    program(world.alice)
    bob = signed_in(world.bob)  # a member of acme
    for handle in ("acme", "initech"):
        told = bob.get(f"{API}/handles/{handle}/{name}?after={cursor}")
        assert told.status_code in (200, 404)
        if told.status_code == 200:
            assert "alice@example.com" not in told.content.decode()


@pytest.mark.parametrize(
    "cursor",
    ["' OR 1=1 --", "0-", "-", "1-" + "g" * 32, "9" * 17 + "-" + "0" * 32, "1.5-" + "0" * 32, "\u0661-" + "0" * 32,
     "0x1-" + "0" * 32, "1-" + "0" * 31, "a" * 5000, "-1-" + "0" * 32, "null", "[]", "{}", "%"],
)  # fmt: skip
def test_a_cursor_of_another_form_is_refused_everywhere(alice: Caller, cursor: str) -> None:
    for name in LISTS:
        problem(alice.get(f"{ACME}/{name}?after={quote(cursor)}"), 400, "invalid")
    problem(alice.get(f"{API}/me/connections?after={quote(cursor)}"), 400, "invalid")


def test_next_cannot_be_made_to_point_elsewhere(world: World, alice: Caller) -> None:
    for host in ("evil.example", "127.0.0.1:8000@evil.example"):
        told = alice.send("GET", f"{API}/handles?limit=1", **{"X-Forwarded-Host": host, "Forwarded": f"host={host}"})
        assert ok(told)["next"].startswith("http://127.0.0.1:8000/api/v1/handles?")


PATHS = [
    ("POST", "members", {"email": "carol@example.com", "role": "member"}),
    ("POST", "invitations", {"role": "member", "expires_in_days": 7}),
    ("PUT", "status", {"status": "suspended"}),
    ("PUT", "client-policy", {"mode": "ask"}),
    ("PUT", "clients/decision", {"kind": "client_id", "value": "x", "decision": "allow"}),
    ("POST", "tokens", {"name": "x", "scopes": ["events.read"], "expires_in_days": 7}),
]
SMUGGLED = [
    "id",
    "pk",
    "user",
    "user_id",
    "handle",
    "handle_id",
    "is_staff",
    "created_at",
    "expires_at",
    "digest",
    "by",
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS, ids=[path for _, path, _ in PATHS])
def test_no_member_is_taken_that_nobody_asked_for(
    world: World, alice: Caller, method: str, path: str, body: dict[str, object]
) -> None:
    for name in SMUGGLED:
        told = problem(alice.send(method, f"{ACME}/{path}", body | {name: str(world.bob.user.pk)}), 400, "invalid")
        assert [each["field"] for each in told["errors"]] == [name]
    assert not Membership.objects.filter(user=world.carol.user).exists()
    assert not PersonalAccessToken.objects.exists()
    assert not Invitation.objects.exists()
    assert Handle.objects.get(slug="acme").status == "active"


def test_a_role_cannot_be_slipped_into_another_act(world: World, alice: Caller) -> None:
    bob = signed_in(world.bob)
    slipped = {"role": "owner", "is_staff": True}
    for path in (f"{API}/me", f"{API}/handles", ACME):
        for method in ("POST", "PUT"):
            problem(bob.send(method, path, slipped), 405, "bad-method")
    problem(bob.patch(ACME, slipped), 404, "not-found")
    problem(alice.patch(ACME, {"role": "member"}), 400, "invalid")
    assert Membership.objects.get(handle__slug="acme", user=world.bob.user).role == "member"


def test_nothing_in_a_query_chooses_another_handle_or_person(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    bob = signed_in(world.bob)
    problem(bob.get(f"{ACME}/connections?handle=globex"), 400, "invalid")
    assert ok(bob.get(f"{ACME}/connections?person={world.alice.user.pk}"))["items"] == []
    assert ok(bob.get(f"{API}/me/connections?handle=acme"))["items"] == []
    problem(bob.get(f"{API}/me/connections?person={world.alice.user.pk}"), 400, "invalid")
    assert Connection.objects.filter(handle=Handle.objects.get(slug="acme")).count() == 1
