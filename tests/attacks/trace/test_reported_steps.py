"""A resource server that lies, or was taken over, reports steps: about others' endpoints and connections, with secrets
in them, in floods, or as garbage."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from authserver import policy
from authserver.models import Connection, ToolCall, TraceStep
from authserver.protocol import credentials
from authserver.services.trace import notes
from tests.people import GATEWAY, App, World, compat, hosted

SEED = 20_261_121
BODIES = 400
OTHER = "http://127.0.0.1:8001/other/mcp"


def step(**changes: Any) -> dict[str, Any]:
    usual = {"kind": "call", "ok": False, "code": "credential:missing", "request_id": "0123abcd", "resource": OTHER}
    return usual | {"address": "203.0.113.9", "agent": "probe/1"} | changes


def kept() -> list[TraceStep]:
    notes.flush()
    return list(TraceStep.objects.order_by("id"))


@pytest.fixture
def token(world: World, chatgpt: App) -> str:
    return world.connect(world.alice, chatgpt, handle="acme").access


@pytest.mark.parametrize(
    "resource",
    [GATEWAY, hosted("acme"), compat("acme"), "", "x", f"{OTHER}/", f"{OTHER}?x", "http://evil.example/mcp", "\x00"],
)
def test_a_server_cannot_tell_of_endpoints_that_are_not_its_own(world: World, resource: str) -> None:
    answer = world.other_asker.report(steps=[step(resource=resource)])
    assert (answer.status_code, kept()) == (202, [])


def test_a_server_cannot_tell_of_connections_to_others_endpoints(
    world: World, token: str, django_assert_num_queries: Any
) -> None:
    real, invented = str(Connection.objects.get().pk), "8f6f6a2e-0000-4000-8000-000000000000"
    answers = []
    for connection_id in (real, invented):
        with django_assert_num_queries(3):  # who asks, its endpoints, and which connections are to those
            answers.append(world.other_asker.report(steps=[step(connection_id=connection_id)]))
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"{}")}
    assert kept() == []


def test_only_who_was_shown_a_credential_can_name_whose_it_was(world: World, token: str) -> None:
    """A digest proves that; and nothing of what is found out goes back."""
    known, guessed = credentials.digest(token).hex(), "0" * 64
    jti = world.asker.knows(token)["jti"]
    answers = [world.other_asker.report(steps=[step(credential_digest=digest)]) for digest in (known, guessed, jti * 2)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"{}")}
    shown, unknown = kept()
    assert (shown.code, shown.detail, shown.handle) == ("credential:other_resource", {"is_for": GATEWAY}, "acme")
    assert (unknown.code, unknown.person_id, unknown.count) == ("credential:unknown", None, 2)


def test_a_step_that_went_well_says_nothing_of_whose_credential_it_was(world: World, token: str) -> None:
    digest = credentials.digest(token).hex()
    world.asker.report(steps=[step(resource=GATEWAY, ok=True, code="tool:called", credential_digest=digest)])
    (told,) = kept()
    assert (told.code, told.person_id) == ("tool:called", None)


def test_no_secret_and_no_address_gets_into_a_row(world: World, token: str) -> None:
    """Where names and ids belong, a credential has no room: it is refused, or it is not kept."""
    digest = credentials.digest(token).hex()
    for member in ("code", "request_id", "credential_digest", "kind"):
        assert world.asker.report(steps=[step(resource=GATEWAY, **{member: token})]).status_code == 400
    for member in ("address", "resource", "extra", "token"):
        steps = [step(**{"resource": GATEWAY, member: token})]
        assert world.asker.report(steps=steps).status_code == 202
    assert world.asker.report(steps=[step(resource=GATEWAY, credential_digest=digest)]).status_code == 202
    written = repr([vars(each) for each in kept()])
    for secret in (token, digest, world.asker.secret, "203.0.113.9", "alice@"):
        assert secret not in written


def test_one_wrong_step_and_nothing_of_the_report_is_kept(world: World, token: str) -> None:
    call = {"connection_id": str(Connection.objects.get().pk), "tool": "x", "outcome": "allowed"}
    answer = world.asker.report(call, steps=[step(resource=GATEWAY), step(kind="token")])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["error_description"].startswith("steps[1].kind must be one of ")
    assert kept() == []
    assert not ToolCall.objects.exists()


def test_a_flood_is_bounded(world: World) -> None:
    for start in range(0, 1_000, policy.REPORT_STEPS_MAX):
        numbers = range(start, start + policy.REPORT_STEPS_MAX)
        answer = world.other_asker.report(steps=[step(request_id=f"flood-{number:04}") for number in numbers])
        assert answer.status_code == 202
    assert len(kept()) == policy.TRACE_STEPS_PER_ORIGIN_AND_MINUTE


JUNK: list[Any] = [
    None, True, -1, 0, 1.5, 10**30, 1e308, float("nan"), float("inf"), "", " ", "x" * 300, "\x00", "\ud800", "\u202e",
    [], [[]], [None], {}, {"a": {"b": []}}, OTHER, "credential:missing", "0" * 64, GATEWAY + "\x00",
]  # fmt: skip


def _broken(dice: random.Random) -> bytes:
    steps: list[Any] = [step(count=1, at=1, tool="x", credential_digest="0" * 64) for _ in range(dice.randint(1, 3))]
    for _ in range(dice.randint(1, 3)):
        entry = dice.choice(steps)
        if isinstance(entry, dict) and dice.random() < 0.9:
            entry[dice.choice([*entry, "connection_id", "extra"])] = copy.deepcopy(dice.choice(JUNK))
        else:
            steps[dice.randrange(len(steps))] = copy.deepcopy(dice.choice(JUNK))
    body = {"calls": [], "steps": steps if dice.random() < 0.9 else dice.choice(JUNK), "sent_at": dice.choice(JUNK)}
    raw = bytearray(json.dumps(body).encode())
    if dice.random() < 0.2:
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    return bytes(raw)


def test_malformed_steps_are_refused_and_none_is_a_failure(world: World) -> None:
    dice = random.Random(SEED)
    told: dict[int, int] = {}
    for _ in range(BODIES):
        answer = world.other_asker.report(body=_broken(dice))
        assert answer.status_code in (202, 400), answer.content
        told[answer.status_code] = told.get(answer.status_code, 0) + 1
    assert told[400] > BODIES / 2
    assert {each.resource for each in kept()} <= {OTHER}
