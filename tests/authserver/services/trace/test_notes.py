"""Noting steps is cheap and bounded, and what is written says nothing of who called."""

from uuid import uuid4

import pytest
from django.utils import timezone

from authserver import policy
from authserver.models import TraceStep
from authserver.protocol.trace.steps import Kind, challenge_of, flow_of
from authserver.services import events
from authserver.services.batches import Pace
from authserver.services.events import RequestFacts
from authserver.services.trace import note, notes

CALLER = RequestFacts("203.0.113.9", "0123456789abcdef", "python-httpx")
pytestmark = pytest.mark.django_db


def test_a_step_is_written_with_the_next_flush_and_names_no_address():
    note(Kind.TOKEN, ok=False, code="code:verifier", facts=CALLER, flow="f", client_id="c", seconds=3)
    assert not TraceStep.objects.exists()
    assert notes.flush() == 1
    step = TraceStep.objects.get()
    assert (step.kind, step.ok, step.code, step.detail) == ("token", False, "code:verifier", {"seconds": 3})
    assert "203.0.113.9" not in repr(TraceStep.objects.values().get())
    assert step.origin == notes.origin_of("203.0.113.9") != notes.origin_of("203.0.113.8")


def test_what_repeats_is_one_row_with_a_count_and_refusals_stay_apart():
    for _ in range(5):
        note(Kind.SERVER_METADATA, facts=CALLER)
        note(Kind.TOKEN, ok=False, code="code:unknown", facts=CALLER)
    assert notes.flush() == 6
    assert TraceStep.objects.get(kind="server_metadata").count == 5


def test_one_caller_fills_neither_memory_nor_disk():
    for _ in range(policy.TRACE_STEPS_PER_ORIGIN_AND_MINUTE + 50):
        note(Kind.TOKEN, facts=CALLER)
    note(Kind.TOKEN, facts=RequestFacts("203.0.113.8", "b" * 32, ""))
    assert notes.flush() == policy.TRACE_STEPS_PER_ORIGIN_AND_MINUTE + 1


def test_a_flood_from_many_addresses_leaves_room_for_people_and_connections():
    known = uuid4()
    for number in range(policy.TRACE_CALLERS_COUNTED_MAX + 100):
        note(Kind.REGISTRATION, facts=RequestFacts(f"2001:db8:0:{number:x}::1", f"{number:032}", ""))
    for _ in range(50):
        note(Kind.CONSENT, facts=CALLER, person_id=known)
    assert len(notes._of_minute) <= policy.TRACE_CALLERS_COUNTED_MAX
    assert notes.flush() == policy.TRACE_STRANGERS_HELD_MAX + 50
    note(Kind.TOKEN, facts=CALLER)
    assert notes.flush() == 1


def test_many_connections_behind_one_address_are_not_held_to_its_limit():
    for _ in range(policy.TRACE_STEPS_PER_ORIGIN_AND_MINUTE + 5):
        note(Kind.TOKEN, facts=CALLER, connection_id=uuid4())
    assert notes.flush() == policy.TRACE_STEPS_PER_ORIGIN_AND_MINUTE + 5


def test_old_steps_go_with_the_purge():
    note(Kind.TOKEN, facts=CALLER)
    notes.flush()
    now = timezone.now()
    assert notes.purge(now=now, pace=Pace(policy.PURGE_RUN)) == 0
    assert notes.purge(now=now + policy.TRACE_KEPT, pace=Pace(policy.PURGE_RUN)) == 1


def test_a_verifier_leads_to_the_flow_of_its_challenge():
    # RFC 7636, appendix B
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert challenge_of(verifier) == challenge
    assert flow_of("a", challenge) not in ("", flow_of("b", challenge))
    assert flow_of("a", "") == ""


def test_a_walk_of_the_doctor_is_nobody_s_attempt():
    """Whichever client it walks as: the header says so, at the door, in views and in what the kit reports."""
    agent = events.agent("openai-mcp/1.0.0", doctor="1")
    note(
        Kind.AUTHORIZATION, ok=False, code="authorize:redirect_uri", facts=RequestFacts("203.0.113.9", "a" * 32, agent)
    )
    assert notes.flush() == 0
