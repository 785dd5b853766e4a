"""What a client did is found in events and steps, written down once, and exported in the form of the corpus."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from authserver import policy
from authserver.models import Connection, Rehearsal, TraceStep
from authserver.protocol.errors import Refusal
from authserver.services.connections import Issued
from authserver.services.rehearsals import acts, overview, watching
from handles.models import Handle
from tests.authserver.services.conftest import NOW, issued, refresh
from tests.people import World


def later(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


def step(at: float, ok: bool, code: str = "") -> None:
    connection = Connection.objects.get()
    TraceStep.objects.create(at=later(at), kind="call", ok=ok, code=code, connection_id=connection.pk)


def begin(world: World, fault: Rehearsal.Fault, at: float = 0) -> Rehearsal:
    Handle.objects.update(is_for_testing=True)
    begun = acts.begin(Connection.objects.get(), fault, by=world.alice.user, now=later(at))
    assert isinstance(begun, Rehearsal)
    return begun


def stored(row: Rehearsal) -> Any:
    row.refresh_from_db()
    return row.detail.get("result")


def test_what_it_did_is_written_down_once_it_works_again(world: World, client_row: Any, pair: Issued) -> None:
    row = begin(world, Rehearsal.Fault.EXPIRY)
    step(1, False, "credential:expired")
    issued(refresh(pair.refresh_token, client_row, later(1.5)))
    assert watching.settle_due(now=later(5)) == 0
    (shown,) = overview.of(Connection.objects.get(), now=later(5))
    assert (shown.reaction and shown.reaction.did.value, shown.is_settled) == ("refreshed", True)
    step(1.7, True)
    assert watching.settle_due(now=later(1.5) + policy.REHEARSAL_SETTLE) == 0
    assert watching.settle_due(now=later(1.6) + policy.REHEARSAL_SETTLE) == 1
    assert stored(row) == {"did": "refreshed", "after_ms": 500, "refusals": 0, "works_after_ms": 700}
    assert watching.settle_due(now=later(9999)) == 0


def test_who_does_nothing_gave_up_and_another_rehearsal_closes_the_account(
    world: World, client_row: Any, pair: Issued, tmp_path: Path
) -> None:
    with pytest.raises(CommandError):
        call_command("rehearsals", "export", output=tmp_path)
    first = begin(world, Rehearsal.Fault.LOST_ANSWER)
    refresh(pair.refresh_token, client_row, later(1))
    (shown,) = overview.of(Connection.objects.get(), now=later(2))
    assert (shown.reaction and shown.reaction.did.value, shown.is_settled) == ("gave_up", False)
    assert watching.settle_due(now=later(2)) == 0
    assert acts.call_off(first, by=world.alice.user, now=later(3))
    second = begin(world, Rehearsal.Fault.REVOCATION, at=4)
    refused = refresh(pair.refresh_token, client_row, later(5))
    assert isinstance(refused, Refusal) and refused.reason == "rehearsal:revocation"
    assert watching.settle_due(now=later(6) + policy.REHEARSAL_WATCH) == 2
    assert stored(first)["did"] == "gave_up"  # what came during the second one is not its
    assert stored(second) == {"did": "gave_up", "after_ms": None, "refusals": 0, "works_after_ms": None}
    call_command("rehearsals", "export", output=tmp_path, client="ChatGPT", title="ChatGPT 7")
    (path,) = tmp_path.glob("*.json")
    told = json.loads(path.read_text())
    assert (path.name, told["client"], told["date"]) == ("chatgpt-7.json", "ChatGPT 7", "2026-11-20")
    assert list(told["results"]) == ["lost_answer", "revocation"]
    with pytest.raises(CommandError):
        call_command("rehearsals", "export", output=tmp_path, title="Nobody's")
