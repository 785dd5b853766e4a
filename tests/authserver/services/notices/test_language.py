"""In which language a letter is written."""

from __future__ import annotations

import pytest
from django.utils import translation

from authserver.services.notices import handle_letters, words
from authserver.services.notices.letters import compose, language_of
from tests.authserver.services.notices.conftest import Kind, Owing

OWN_LETTERS = (*handle_letters.WORDS, Kind.ACCOUNT_DELETED, Kind.ALARMS)  # in modules of their own


def test_a_letter_speaks_as_the_page_it_tells_of(owed: Owing) -> None:
    with translation.override("de"):
        notice = owed()
    assert language_of(notice) == "de"


@pytest.mark.parametrize(("chosen", "spoken"), [("ar", "ar"), ("pt", "pt-br"), ("", "de"), ("tlh", "de")])
def test_what_its_person_chose_counts_more(owed: Owing, chosen: str, spoken: str) -> None:
    with translation.override("de"):
        notice = owed()
    notice.user.language = chosen  # type: ignore[attr-defined]
    assert language_of(notice) == spoken


def test_of_a_theft_it_speaks_as_when_the_connection_was_made(owed: Owing) -> None:
    assert language_of(owed(Kind.CONNECTION_STOLEN)) == "en"
    with translation.override("ja"):
        owed()
    assert language_of(owed(Kind.CONNECTION_STOLEN)) == "ja"
    owed(Kind.CONNECTION_WIDENED)
    assert language_of(owed(Kind.CONNECTION_STOLEN)) == "en"


def test_junk_in_its_facts_is_english(owed: Owing) -> None:
    notice = owed()
    for junk in ("", "../../de", None, {"de": 1}):
        notice.facts["language"] = junk
        assert language_of(notice) == "en"


def test_every_kind_says_all_of_it_in_german(owed: Owing) -> None:
    for kind in (kind for kind in Kind if kind not in OWN_LETTERS):
        notice, english = owed(kind, name="CI", handle="acme", token="t", scopes=["links.read"]), words.of(kind)
        with translation.override("de"):
            letter, german = compose(notice), words.of(kind)
        assert german.subject != english.subject
        assert german.step != english.step
        assert "@acme" in letter.subject
        assert "%(" not in " ".join((letter.lead, letter.subject, letter.closing, *(text for text, _ in letter.steps)))
