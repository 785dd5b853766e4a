"""What became of an attempt: where it stopped and why, in the right tense."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from authserver import policy
from authserver.protocol.trace.attempts import Attempt
from authserver.protocol.trace.reasons import MEANINGS, SUBJECTS
from authserver.protocol.trace.steps import Kind, Step
from authserver.protocol.trace.verdicts import NEXT, Happening, Known, Verdict, refusal, verdict

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONNECTION = UUID(int=1)


def step(kind: Kind, second: int = 0, *, code: str = "", ok: bool = True, **more) -> Step:
    return Step(at=NOON + timedelta(seconds=second), kind=kind, ok=ok and not code, code=code, id=second, **more)


def judged(*steps: Step, seconds: float = 0, **known) -> Verdict:
    now = steps[-1].at + timedelta(seconds=seconds)
    return verdict(Attempt(steps), now=now, known=Known(**known))


WAY = [step(kind, second) for second, kind in enumerate(NEXT)]


@pytest.mark.parametrize("length", range(1, len(WAY) + 1), ids=[kind.value for kind in NEXT])
def test_a_step_is_awaited_for_a_while_and_then_said_never_to_have_come(length: int):
    last = WAY[length - 1]
    awaited, patience = NEXT[last.kind]
    soon = judged(*WAY[:length], seconds=3)
    assert (soon.code, soon.facts, soon.is_over, soon.is_good) == (f"{awaited}:awaited", {"seconds": 3}, False, False)
    late = judged(*WAY[:length], seconds=patience.total_seconds() + 1)
    assert (late.code, late.is_over, late.is_good) == (f"{awaited}:never", True, False)


def test_the_code_is_awaited_for_its_own_minute():
    assert NEXT[Kind.ANSWER] == ("code", policy.AUTHORIZATION_CODE_LIFETIME)


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        (Kind.REGISTRATION, "redirect_uris:none_usable", "registration_redirects"),
        (Kind.REGISTRATION, "metadata:not_json", "registration_refused"),
        (Kind.DOCUMENT, "fetch:name_unknown", "document_unreachable"),
        (Kind.DOCUMENT, "metadata:not_json", "document_unusable"),
        (Kind.AUTHORIZATION, "client:unknown", "client_unknown"),
        (Kind.AUTHORIZATION, "redirect:mismatch", "redirect_mismatch"),
        (Kind.AUTHORIZATION, "resource:unknown", "resource_unknown"),
        (Kind.AUTHORIZATION, "fetch:too_slow", "document_unreachable"),
        (Kind.CONSENT, "consent:no_handle", "no_handle"),
        (Kind.ANSWER, "dead_end:not_a_member", "not_a_member"),
        (Kind.ANSWER, "consent:cancelled", "cancelled"),
        (Kind.ANSWER, "dead_end:request_pending", "waits"),
        (Kind.TOKEN, "code:verifier", "verifier_wrong"),
        (Kind.TOKEN, "client:secret_wrong", "not_proven"),
        (Kind.TOKEN, "assertion:signature", "not_proven"),
        (Kind.TOKEN, "code:replayed", "code_replayed"),
        (Kind.REFRESH, "refresh:replayed", "stolen"),
        (Kind.REFRESH, "connection:ended_person", "ended"),
        (Kind.CALL, "credential:other_resource", "other_resource_called"),
        (Kind.CALL, "scope:missing", "scope_missing"),
        (Kind.CALL, "session:foreign", "session_foreign"),
        (Kind.CALL, "introspection:unclear", "cut_off"),
        (Kind.CALL, "planet:wrong", "refused"),
    ],
)
def test_a_refusal_is_named_by_its_reason_and_an_unknown_one_by_itself(kind: Kind, code: str, expected: str):
    found = judged(*WAY[:3], step(kind, 9, code=code), seconds=1)
    assert (found.code, found.is_over, found.is_good) == (expected, True, False)
    if expected == "refused":
        assert found.facts["step"] == kind.value
        assert found.facts["reason"] == code


def test_a_call_after_the_end_says_why_it_ended():
    found = judged(*WAY, step(Kind.CALL, 14, code="connection:ended", detail={"end_reason": "handle_admin"}))
    assert (found.code, found.facts) == ("ended", {"reason": "handle_admin"})
    assert judged(*WAY, step(Kind.CALL, 14, code="connection:ended")).code == "used_after_end"


def test_what_was_overcome_is_no_verdict():
    failed = step(Kind.TOKEN, 10, code="code:verifier")
    assert judged(*WAY[:-1], failed, step(Kind.TOKEN, 11), step(Kind.CALL, 12)).code == "well"
    assert judged(*WAY[:-1], failed, step(Kind.SERVER_METADATA, 11)).code == "verifier_wrong", "reading is no success"


def test_all_is_well_counts_from_the_first_401_to_the_first_use():
    assert judged(*WAY, step(Kind.CALL, 14)).facts == {"seconds": 14}
    used = judged(*WAY, used_at=NOON + timedelta(seconds=12))
    assert (used.code, used.facts, used.is_good) == ("well", {"seconds": 12}, True)
    assert judged(*WAY[4:], step(Kind.CALL, 14)).code == "works", "the first 401 was not seen"


def test_a_late_refresh_is_told_with_how_late():
    found = judged(step(Kind.REFRESH, 1, detail={"seconds": 540}, connection_id=CONNECTION))
    assert (found.code, found.facts, found.is_good) == ("late", {"seconds": 540}, True)
    stolen = judged(step(Kind.REFRESH, 1, code="refresh:replayed", detail={"seconds": 540}))
    assert (stolen.code, stolen.facts["seconds"], stolen.is_good) == ("stolen", 540, False)


def test_the_end_of_the_connection_is_told_unless_a_refusal_says_more():
    ended = Happening(NOON + timedelta(seconds=60), "ended", "person")
    assert judged(*WAY, step(Kind.CALL, 14), happened=(ended,)).facts == {"reason": "person"}
    replay = replace(ended, reason="code_replay")
    assert judged(*WAY, step(Kind.TOKEN, 14, code="code:replayed"), happened=(replay,)).code == "code_replayed"
    before = replace(ended, at=NOON)
    assert judged(*WAY, step(Kind.CALL, 14), happened=(before,)).code == "well"


def test_asking_for_one_address_and_calling_another_names_both():
    asked = step(Kind.AUTHORIZATION, 1, resource="https://gateway.example/mcp")
    called = step(Kind.CALL, 9, code="credential:other_resource", resource="https://acme.mcp.example/mcp")
    facts = judged(asked, step(Kind.TOKEN, 5), called).facts
    assert (facts["asked"], facts["called"]) == ("https://gateway.example/mcp", "https://acme.mcp.example/mcp")


def test_a_document_that_is_not_here_is_named_where_nothing_else_was_read():
    other = step(Kind.SERVER_METADATA, 1, code="metadata:not_here")
    assert judged(other).code == "metadata_not_here"
    assert judged(step(Kind.SERVER_METADATA), other).code == "registration:awaited"
    assert judged(step(Kind.CHALLENGE, 1, code="credential:missing"), other).code == "where:awaited"


def test_every_meaning_is_one_that_a_refusal_can_have():
    for reason in MEANINGS:
        kind, _, code = reason.rpartition(" ")
        assert refusal(step(Kind(kind or "token"), code=code), Attempt((step(Kind.TOKEN),))).code == MEANINGS[reason]
    assert set(MEANINGS.values()) & set(SUBJECTS.values())
