"""The letters about joining a handle: they name who was proven, keep no secret, and no name bends them."""

from __future__ import annotations

import pytest

from authserver.models import Notice
from authserver.services.notices import handle_letters
from tests.authserver.services.conftest import NOW
from tests.people import World

Kind = Notice.Kind
FACTS = {"handle": "acme", "by": "bob@example.com", "role": "admin", "days": 7, "invitation": "the-id"}
SAID = {
    Kind.INVITATION: ("You are invited to @acme", "bob@example.com invites you", "/invitations/the-id"),
    Kind.JOIN_ASKED: ("Somebody asks to join @acme", "bob@example.com asks", "/handles/acme/members"),
    Kind.JOIN_ACCEPTED: ("You are now a member of @acme", "You asked to join @acme", "/handles"),
}


def notice(kind: Kind, world: World | None = None, **facts: object) -> Notice:
    user = world.alice.user if world else None
    return Notice(kind=kind, user=user, email="" if user else "dora@example.com", facts=FACTS | facts, created_at=NOW)


@pytest.mark.parametrize("kind", SAID)
def test_each_letter_says_who_and_what_and_leads_to_the_page_that_asks(world: World, kind: Kind) -> None:
    subject, lead, path = SAID[kind]
    letter = handle_letters.compose(notice(kind, world))
    assert letter.subject.endswith(subject)
    assert letter.lead.startswith(lead)
    assert letter.greeting == "Hello Alice,"
    assert [link for _, link in letter.steps] == [f"http://127.0.0.1:8000{path}"]


def test_an_invitation_reads_the_same_to_somebody_without_an_account() -> None:
    letter = handle_letters.compose(notice(Kind.INVITATION))
    assert letter.greeting == "Hello,"
    assert letter.facts == (("Role", "Admin"), ("Open for", "7 days (27 November 2026, 12:00 UTC)"))


def test_a_name_of_somebody_else_stays_one_line() -> None:
    letter = handle_letters.compose(notice(Kind.INVITATION, by="a@b.c\r\nBcc: x\u202e", handle="ac\nme"))
    for text in (letter.subject, letter.lead, letter.greeting):
        assert not {"\n", "\r", "\u202e"} & set(text)
