"""What the mail says: who, what, which handle, when, where, and the page that ends it. Nothing a name can bend."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail

from accounts.models import User
from authserver.models import Client, Connection, Notice
from authserver.services import notices
from authserver.services.notices import handle_letters
from authserver.services.notices.letters import compose, where
from tests.authserver.services.conftest import NOW
from tests.authserver.services.notices.conftest import FIREFOX, Kind, Owing, html_of
from tests.people import World

TOKEN = str(uuid4())
FACTS = {
    Kind.CONNECTION_APPROVED: {"scopes": ["links.read", "mcp.connect"]},
    Kind.CONNECTION_WIDENED: {"scopes": ["links.write"]},
    Kind.CONNECTION_STOLEN: {},
    Kind.TOOLS_WAITING: {"tools": ["Delete a link", "Ping"]},
    Kind.TOKEN_CREATED: {"name": "CI", "handle": "acme", "scopes": ["links.read", "events.read"], "token": TOKEN},
}
SUBJECTS = {
    Kind.CONNECTION_APPROVED: "Gatehouse: An app was connected to @acme",
    Kind.CONNECTION_WIDENED: "Gatehouse: An app may do more at @acme",
    Kind.CONNECTION_STOLEN: "Gatehouse: A connection to @acme was ended to protect it",
    Kind.TOOLS_WAITING: "Gatehouse: New tools wait for your word at @acme",
    Kind.TOKEN_CREATED: "Gatehouse: A personal access token was created for @acme",
}
HOSTILE = {
    "a header": "CI\r\nBcc: everybody@example.com\r\n\r\nDear customer,",
    "a lone line feed": "CI\nX-Injected: yes",
    "a line separator": "CI\u2028Bcc: everybody@example.com",
    "an override": "\u202egpj.exe\u202d",
    "an isolate left open": "\u2067CI",
    "markup": '<script>alert(1)</script><img src="https://evil.example/x.png">',
    "a template": "{{ letter.link }}{% now 'Y' %}{client.__class__}",
    "two hundred letters": "x" * 200,
    "right to left": "שלום עולם",
    "a control character": "CI\x07\x1b[2J",
    "nothing": "",
}


def sent(notice: Notice) -> mail.EmailMessage:
    mail.outbox.clear()
    assert notices.send_due(now=NOW) == 1
    return mail.outbox[0]


def words(html: str) -> list[str]:
    body = html.partition("<body>")[2]
    return unescape(re.sub(r"<[^>]*>", " ", body)).split()


def test_a_letter_speaks_for_the_brand_and_says_where_help_is(owed: Owing, settings: Any) -> None:
    settings.BRAND_NAME, settings.SUPPORT_EMAIL = "Ada & Co", "help@example.com"
    letter = sent(owed(Kind.CONNECTION_STOLEN))
    assert letter.subject.startswith("Ada & Co: ")
    assert "Gatehouse" not in str(letter.body)
    assert "Need help?:\n  mailto:help@example.com" in letter.body
    assert 'href="mailto:help@example.com"' in html_of(letter)
    settings.SUPPORT_URL = "https://help.example.com/x"
    assert "Need help?:\n  https://help.example.com/x" in sent(owed(Kind.CONNECTION_STOLEN)).body


@pytest.mark.parametrize("kind", FACTS)
def test_the_subject_is_the_same_whatever_the_names(owed: Owing, kind: Kind) -> None:
    assert sent(owed(kind, **FACTS[kind])).subject == SUBJECTS[kind]


@pytest.mark.parametrize("kind", FACTS)
def test_both_halves_say_the_same(owed: Owing, kind: Kind) -> None:
    message = sent(owed(kind, **FACTS[kind]))
    plain = [word for word in message.body.split() if word not in ("-", "--")]
    assert words(html_of(message)) == plain


@pytest.mark.parametrize("kind", FACTS)
def test_it_says_who_which_handle_when_and_where(owed: Owing, kind: Kind) -> None:
    body = sent(owed(kind, **FACTS[kind])).body
    for part in (
        "Hello Alice,",
        "alice@example.com",
        "@acme",
        "When: 20 November 2026, 12:00 UTC",
    ):
        assert part in body
    is_alarm = kind != Kind.TOOLS_WAITING  # nobody did anything from anywhere, and no password helps
    assert ("Where: Firefox on Linux, from the network 203.0.114.0/24" in body) == is_alarm
    assert ("/accounts/password/change/" in body) == is_alarm
    assert ("“CI”" if kind == Kind.TOKEN_CREATED else "“ChatGPT”") in body


@pytest.mark.parametrize("kind", FACTS)
def test_the_page_that_ends_it_is_linked_and_asks_first(owed: Owing, world: World, kind: Kind) -> None:
    message = sent(owed(kind, **FACTS[kind]))
    pk = Connection.objects.get().pk
    link = {
        Kind.TOOLS_WAITING: f"/connections/{pk}/tools",
        Kind.CONNECTION_STOLEN: "/connections",
        Kind.TOKEN_CREATED: f"/handles/acme/tokens/{TOKEN}/revoke",
    }.get(kind, f"/connections/{pk}/disconnect")
    assert f"\n  http://127.0.0.1:8000{link}\n" in message.body
    assert f'href="http://127.0.0.1:8000{link}"' in html_of(message)
    world.alice.sign_in().http.get(link)
    assert Connection.objects.get().is_live


def test_scopes_are_in_the_words_of_the_consent_page(owed: Owing) -> None:
    body = sent(owed(Kind.TOKEN_CREATED, **FACTS[Kind.TOKEN_CREATED])).body
    assert "- Read your links\n- Read the event log\n" in body
    assert "links.read" not in body


def test_tools_are_named_as_their_server_calls_them_in_one_line_each(owed: Owing) -> None:
    body = sent(owed(Kind.TOOLS_WAITING, tools=["Delete\r\nBcc: x@x.example", "{{ letter }}<b>"])).body
    assert "Among them are:" in body
    assert "\n- Delete" in body
    assert "\nBcc" not in body
    assert "- {{ letter }}<b>\n" in body


def test_a_scope_that_is_gone_is_named_as_it_was(owed: Owing) -> None:
    assert "- gone.read\n" in sent(owed(scopes=["gone.read"])).body


def test_programs_see_that_nobody_wrote_it(owed: Owing) -> None:
    message = sent(owed()).message()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["To"] == "alice@example.com"
    assert message["From"].startswith("Gatehouse <no-reply@")


def test_a_second_try_carries_the_same_id(owed: Owing) -> None:
    notice = owed()
    first = sent(notice).message()["Message-ID"]
    Notice.objects.update(sent_at=None, next_attempt_at=NOW)
    assert sent(notice).message()["Message-ID"] == first


def test_nothing_in_it_is_loaded_from_anywhere(owed: Owing) -> None:
    html = html_of(sent(owed()))
    assert not re.search(r"<(img|link|script|style|iframe)|\bsrc=|\bstyle=", html)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["client", "token", "person"])
def test_a_name_bends_neither_headers_nor_text(owed: Owing, world: World, name: str, place: str) -> None:
    hostile = HOSTILE[name]
    Client.objects.update(name=hostile if place == "client" else "ChatGPT")
    User.objects.filter(pk=world.alice.user.pk).update(name=hostile[:150] if place == "person" else "Alice")
    kind = Kind.TOKEN_CREATED if place == "token" else Kind.CONNECTION_APPROVED
    facts = FACTS[kind] | ({"name": hostile} if place == "token" else {})
    message = sent(owed(kind, **facts))
    raw = message.message()
    assert raw.keys().count("Bcc") == 0
    assert raw["X-Injected"] is None
    assert message.subject == SUBJECTS[kind]
    html = html_of(message)
    assert "<script" not in html
    assert "<img" not in html
    for text in (message.body, html):
        lines = text.splitlines()
        assert not any(line.startswith(("Bcc", "X-Injected", "Dear")) for line in lines)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u200e\u200f\u202a-\u202e\u2066\u2067\u2028\u2029]", text)
        assert "x" * 81 not in text
    assert message.body.count("\u2068") == message.body.count("\u2069") == (name == "right to left")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"address": "203.0.114.9", "agent": FIREFOX}, "Firefox on Linux, from the network 203.0.114.0/24"),
        ({"address": "2001:4860:4860::8888", "agent": ""}, "An unknown program, from the network 2001:4860:4860::/48"),
        ({"address": "192.168.1.9", "agent": "curl/8"}, "curl, from a private network, 192.168.1.0/24"),
        ({"address": "127.0.0.1", "agent": "curl/8"}, "curl, on the computer that this server runs on"),
        ({"address": None, "agent": None}, "An unknown program, from an unknown network"),
        ({}, "An unknown program, from an unknown network"),
        ({"address": "junk", "agent": "\r\nBcc: x"}, "Another program, from an unknown network"),
    ],
)
def test_where_it_came_from_is_said_in_words(facts: dict[str, object], told: str) -> None:
    assert where(facts) == told


def test_every_kind_has_its_words(owed: Owing) -> None:
    for kind in FACTS:
        assert compose(owed(kind, **FACTS[kind])).lead
    assert {*FACTS, *handle_letters.WORDS, Kind.ACCOUNT_DELETED, Kind.ALARMS} == set(Kind)
