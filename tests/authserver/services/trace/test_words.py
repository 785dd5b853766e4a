"""Every verdict is one sentence with the next step, whatever facts are missing."""

import pytest

from authserver.models import Connection
from authserver.protocol.trace.reasons import ENDED, MEANINGS, SUBJECTS
from authserver.protocol.trace.steps import Kind
from authserver.protocol.trace.verdicts import NEXT, Verdict
from authserver.services.trace import words

BARE: dict[str, str | int | float] = {
    "step": "token", "reason": "code:unknown", "handle": "acme", "asked": "https://a.example/mcp",
    "called": "https://b.example/mcp", "tool": "", "scopes": "", "seconds": 540, "differs_at": 9,
    "asked_host": "c.example",
}  # fmt: skip


@pytest.mark.parametrize("code", sorted({*MEANINGS.values(), *SUBJECTS.values(), "refused", "ended"}))
def test_every_meaning_has_a_sentence_and_says_what_to_do(code: str):
    found = Verdict(code, BARE | ({"reason": "person"} if code == "ended" else {}))
    for told in (words.sentence(found), words.next_step(found)):
        assert told.endswith(".")
        assert "%(" not in told
    assert code in words.SENTENCES


@pytest.mark.parametrize("awaited", [awaited for awaited, _ in NEXT.values()])
def test_every_step_that_is_waited_for_has_words_in_both_tenses(awaited: str):
    for tense in ("awaited", "never"):
        assert words.sentence(Verdict(f"{awaited}:{tense}", {"seconds": 3}))


def test_every_sentence_is_one_that_can_be_said():
    said = {*MEANINGS.values(), *SUBJECTS.values(), "refused", "ended", "well", "works", "late"}
    said |= {f"{awaited}:{tense}" for awaited, _ in NEXT.values() for tense in ("awaited", "never")}
    said |= {richer for richer, _ in words.RICHER.values()}
    assert set(words.SENTENCES) == said


def test_a_verdict_without_words_is_told_by_its_step_and_reason():
    told = words.sentence(Verdict("brand_new", {"step": "token", "reason": "planet:wrong"}))
    assert told == "The step “Came back with the code” was refused (\u2068planet:wrong\u2069)."


def test_facts_make_a_sentence_say_more():
    bare = Verdict("scope_missing", BARE)
    assert words.sentence(bare) == "The app called a tool without the permission for it."
    named = words.sentence(Verdict("scope_missing", BARE | {"tool": "create_link", "scopes": "links.write"}))
    assert "create_link" in named
    assert "links.write" in named
    assert "9 min ago" in words.sentence(Verdict("stolen", BARE))
    assert words.sentence(Verdict("not_a_member", BARE | {"handle": ""})).startswith("The step"), "no @ without a name"


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0.4 s"), (14, "14 s")])
def test_how_long_it_took_is_told(seconds: float, told: str):
    assert f": {told} from" in words.sentence(Verdict("well", {"seconds": seconds}, is_good=True))


def test_every_end_of_a_connection_is_told_in_words():
    for reason in Connection.EndReason:
        assert str(reason.label) in words.sentence(Verdict("ended", {"reason": reason.value}))
    assert ENDED == "connection:ended_"


def test_every_step_has_a_name():
    assert all(words.step_name(kind.value) for kind in Kind)
