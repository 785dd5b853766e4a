"""Which clients a handle lets in, over the API."""

from __future__ import annotations

import pytest

from authserver.models import ClientPolicy, ClientRule, Event
from tests.api.conftest import ACME, Caller, Connecting, ok, problem
from tests.people import App, World

POLICY = f"{ACME}/client-policy"


def decide(caller: Caller, value: object, decision: object = "block", kind: object = "client_id") -> object:
    return caller.put(f"{ACME}/clients/decision", {"kind": kind, "value": value, "decision": decision})


def test_a_block_holds_from_the_next_question_on_and_ends_nothing(
    world: World, alice: Caller, connect: Connecting
) -> None:
    made = connect(world.bob)
    (listed,) = ok(alice.get(f"{ACME}/clients"))["items"]
    assert (listed["name"], listed["outcome"], listed["decision"], listed["people"]) == ("ChatGPT", "allow", None, 1)
    told = ok(decide(alice, listed["value"], "block", listed["kind"]))
    assert (told["decision"], told["outcome"], told["id"]) == ("block", "block", listed["id"])
    assert not world.asker.is_active(made.held.access)
    ok(decide(alice, listed["value"], "allow", listed["kind"]))
    assert world.asker.is_active(made.held.access)
    assert made.now().is_live


def test_a_client_that_nobody_knows_yet_can_be_decided(alice: Caller) -> None:
    address = "https://client.example/oauth/client.json"
    told = ok(decide(alice, address, "allow"))
    assert (told["value"], told["name"], told["connections"]) == (address, address, 0)


@pytest.mark.parametrize(
    ("value", "decision", "kind"),
    [
        ("x", "pending", "client_id"), ("x", "maybe", "client_id"), ("x", "allow", "name"), ("", "allow", "client_id"),
        ("x" * 256, "allow", "client_id"), (1, "allow", "client_id"), ("a\u0000", "allow", "client_id"),
        ("\ud800", "allow", "client_id"), (None, "allow", "client_id"), ("x", None, "client_id"),
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused(alice: Caller, value: object, decision: object, kind: object) -> None:
    problem(decide(alice, value, decision, kind), 400, "invalid")
    assert not ClientRule.objects.exists()


def test_the_policy_is_set_and_read(world: World, alice: Caller) -> None:
    assert ok(alice.get(POLICY)) == {"mode": "all"}
    assert ok(alice.put(POLICY, {"mode": "ask"})) == {"mode": "ask"}
    assert ok(alice.get(POLICY)) == {"mode": "ask"}
    assert Event.objects.filter(tag="client_policy:set", handle="acme").count() == 1
    for mode in ("none", "", 1, None, ["all"]):
        problem(alice.put(POLICY, {"mode": mode}), 400, "invalid")
    assert ClientPolicy.objects.get().mode == "ask"


def test_a_member_decides_nothing(world: World, bob: Caller, chatgpt: App) -> None:
    problem(decide(bob, chatgpt.client_id, "block"), 404, "not-found")
    problem(bob.put(POLICY, {"mode": "listed"}), 404, "not-found")
    assert not ClientRule.objects.exists()
    assert not ClientPolicy.objects.exists()


def test_the_list_is_filtered_and_paged(alice: Caller) -> None:
    for number in range(5):
        ok(decide(alice, f"client-{number}", "allow" if number % 2 else "block"))
    path, seen = f"{ACME}/clients", []
    assert len(ok(alice.get(f"{path}?decision=allow"))["items"]) == 2
    first = ok(alice.get(f"{path}?limit=3"))
    second = ok(alice.get(first["next"].removeprefix("http://127.0.0.1:8000")))
    seen = [each["value"] for each in first["items"] + second["items"]]
    assert sorted(seen) == [f"client-{number}" for number in range(5)]
    assert second["next"] is None
