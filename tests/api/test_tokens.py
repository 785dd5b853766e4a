"""Personal access tokens over the API."""

from __future__ import annotations

import pytest

from authserver.models import PersonalAccessToken
from handles.models import Membership
from tests.api.conftest import ACME, API, Caller, Program, ok, problem, program
from tests.people import World

TOKENS = f"{ACME}/tokens"
BODY = {"name": "Nightly", "scopes": ["events.read"], "expires_in_days": 30}


def test_a_secret_is_shown_once_and_works(alice: Caller) -> None:
    made = ok(alice.post(TOKENS, BODY), 201)
    assert made["secret"].startswith("pat_")
    assert made["hint"] == made["secret"][-4:]
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    ok(Caller(alice.http.__class__(), bearer).get(f"{ACME}/events"))
    assert made["secret"] not in alice.get(TOKENS).content.decode()
    assert made["secret"] not in alice.get(f"{TOKENS}/{made['id']}").content.decode()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"), ({"name": "x" * 81}, "name"), ({"name": 1}, "name"), ({"name": "a\u0000"}, "name"),
        ({"name": "\u200b"}, "name"), ({"scopes": []}, "scopes"), ({"scopes": "events.read"}, "scopes"),
        ({"scopes": ["nosuch"]}, "scopes"), ({"scopes": [1]}, "scopes.0"), ({"scopes": ["x"] * 101}, "scopes"),
        ({"scopes": ["mcp.connect"]}, "scopes"), ({"expires_in_days": 31}, "expires_in_days"),
        ({"expires_in_days": "30"}, "expires_in_days"), ({"expires_in_days": True}, "expires_in_days"),
        ({"expires_in_days": 10**400}, "expires_in_days"), ({"user": "x"}, "user"), ({"digest": "x"}, "digest"),
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused(alice: Caller, changes: dict[str, object], field: str) -> None:
    body = problem(alice.post(TOKENS, BODY | changes), 400, "invalid")
    assert [each["field"] for each in body["errors"]] == [field]
    assert not PersonalAccessToken.objects.exists()


def test_a_member_gives_no_scope_beyond_their_role(bob: Caller) -> None:
    problem(bob.post(TOKENS, BODY), 400, "invalid")
    ok(bob.post(TOKENS, BODY | {"scopes": ["connections.read"]}), 201)


def test_a_token_gives_no_scope_that_it_does_not_have(world: World) -> None:
    script = program(world.alice, "tokens.write", "events.read")
    for scopes in (["members.read"], ["events.read", "links.write"], ["tokens.write", "tokens.read"]):
        problem(script.post(TOKENS, BODY | {"scopes": scopes, "expires_in_days": 7}), 400, "invalid")
    made = ok(script.post(TOKENS, BODY | {"scopes": ["tokens.write", "events.read"], "expires_in_days": 7}), 201)
    assert made["scopes"] == ["events.read", "tokens.write"]
    assert PersonalAccessToken.objects.count() == 2


def test_a_token_gives_no_scope_that_its_person_lost(world: World) -> None:
    script = program(world.alice)
    Membership.objects.filter(handle__slug="acme", user=world.alice.user).update(role="member")
    problem(script.post(TOKENS, BODY | {"expires_in_days": 7}), 400, "invalid")


def test_a_token_makes_none_that_outlives_it(world: World) -> None:
    script = program(world.alice, days=30)
    problem(script.post(TOKENS, BODY), 400, "invalid")  # a moment later than its own
    problem(script.post(TOKENS, BODY | {"expires_in_days": 365}), 400, "invalid")
    ok(script.post(TOKENS, BODY | {"expires_in_days": 7}), 201)


def test_a_member_sees_and_ends_only_their_own(world: World, bob: Caller) -> None:
    of_alice, of_bob = program(world.alice), program(world.bob)
    assert [each["id"] for each in ok(bob.get(TOKENS))["items"]] == [str(of_bob.row.pk)]
    problem(bob.get(f"{TOKENS}/{of_alice.row.pk}"), 404, "not-found")
    problem(bob.delete(f"{TOKENS}/{of_alice.row.pk}"), 404, "not-found")
    ok(of_alice.get(ACME))
    ok(bob.delete(f"{TOKENS}/{of_bob.row.pk}"), 204)
    ok(bob.delete(f"{TOKENS}/{of_bob.row.pk}"), 204)
    problem(of_bob.get(ACME), 401, "bad-token")


def test_an_admin_sees_and_ends_everybodys(world: World, alice: Caller) -> None:
    of_bob = program(world.bob)
    (listed,) = ok(alice.get(f"{TOKENS}?status=live"))["items"]
    assert listed["person"]["email"] == "bob@example.com"
    ok(alice.delete(f"{TOKENS}/{of_bob.row.pk}"), 204)
    problem(of_bob.get(ACME), 401, "bad-token")
    assert ok(alice.get(f"{TOKENS}?status=live"))["items"] == []
    assert len(ok(alice.get(f"{TOKENS}?status=ended"))["items"]) == 1


def test_a_token_of_another_handle_is_not_found(world: World, alice: Caller) -> None:
    elsewhere = program(world.alice, handle="globex")
    problem(alice.get(f"{TOKENS}/{elsewhere.row.pk}"), 404, "not-found")
    problem(alice.delete(f"{TOKENS}/{elsewhere.row.pk}"), 404, "not-found")
    ok(elsewhere.get(f"{API}/handles/globex"))


def test_a_token_ends_itself(world: World) -> None:
    script: Program = program(world.alice)
    ok(script.delete(f"{TOKENS}/{script.row.pk}"), 204)
    problem(script.get(ACME), 401, "bad-token")
