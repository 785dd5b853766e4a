"""What became of a connection attempt, for programs: of the token's own handle, and for whoever may see its page."""

from __future__ import annotations

from authserver.models import TraceStep
from authserver.services.trace import notes
from tests.api.conftest import API, Caller, Connecting, ok, program, signed_in
from tests.people import World


def latest() -> str:
    notes.flush()
    return f"{API}/attempts/{TraceStep.objects.latest('pk').request_id}"


def test_an_attempt_is_told_in_english_with_its_steps(world: World, alice: Caller, connect: Connecting) -> None:
    connect(world.bob)
    found = ok(alice.get(latest(), **{"Accept-Language": "de"}))
    assert (found["code"], found["is_over"], found["handle"]) == ("call:awaited", False, "acme")
    assert "has not used it at the MCP server yet" in found["sentence"]
    assert [step["kind"] for step in found["steps"]][-1] == "token"
    assert "bob@example.com" not in str(found)


def test_others_and_tokens_of_other_handles_find_nothing(world: World, connect: Connecting) -> None:
    connect(world.bob)
    where = latest()
    assert ok(program(world.alice).get(where))
    for caller in (program(world.alice, handle="globex"), signed_in(world.carol), signed_in(world.admin)):
        assert caller.get(where).status_code == 404
    assert program(world.alice, "events.read").get(where).status_code == 403
    assert signed_in(world.alice).get(f"{API}/attempts/00000000").status_code == 404
