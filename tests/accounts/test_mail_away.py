"""A mail server that is away, silent or refuses, while somebody waits for a code: a page that says so, the same for
known and unknown addresses; nothing half-made stays; no address in the log."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from authserver.models import Event
from tests.accounts.conftest import code_in_last_mail, sign_in, with_next
from tests.authserver.services.notices import mail_sink
from tests.people import PASSWORD, make_person

NEW = "dora@example.com"
KNOWN = "alice@example.com"
AWAY, SILENT, REFUSES = "away", "silent", "refuses"
MANNERS: dict[str, dict[str, Any]] = {
    SILENT: {"is_silent": True},
    REFUSES: {"refuses": "550 dora@example.com and alice@example.com are unknown"},
}
ACTS: dict[str, tuple[str, Callable[[str], dict[str, str]]]] = {
    "sign-up": ("/accounts/signup/", lambda email: {"email": email, "password1": PASSWORD}),
    "sign-up by passkey": ("/accounts/signup/passkey/", lambda email: {"email": email}),
    "sign-in by code": ("/accounts/login/code/", lambda email: {"email": email}),
    "reset by code": ("/accounts/password/reset/", lambda email: {"email": email}),
}


@contextmanager
def mail_server(settings: Any, manner: str) -> Iterator[None]:
    """Send by SMTP to a server that behaves like this; afterwards into the outbox again."""
    usual, settings.EMAIL_TIMEOUT = settings.EMAIL_BACKEND, 0.2
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    with mail_sink.running(**MANNERS.get(manner, {})) as sink:
        settings.EMAIL_PORT = sink.server_address[1]
        if manner != AWAY:
            yield
    if manner == AWAY:  # its port is closed by now
        yield
    settings.EMAIL_BACKEND = usual


def post(client: Client, path: str, data: dict[str, str]) -> Any:
    return client.post(path, data, headers={"X-Request-Id": "the-same-request-id"})


def told(answer: Any, path: str) -> str:
    """The page of a code that could not be sent; whatever it was asked for."""
    text = answer.content.decode()
    assert answer.status_code == 503, text
    assert answer.headers["Retry-After"] == "60"
    assert answer.headers["Cache-Control"] == "no-store"
    for part in ('<h1 id="heading">The e-mail could not be sent</h1>', "mail_unavailable", "the-same-request-id"):
        assert part in text
    assert f'class="button" href="{path}' in text
    assert KNOWN not in text
    assert NEW not in text
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)


@pytest.fixture
def nothing_said(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No line of the log names an address or a code."""
    caplog.set_level(logging.INFO)
    yield
    said = "\n".join(record.getMessage() + str(record.exc_info) for record in caplog.get_records("call"))
    assert "could not be sent" in said
    assert "@example.com" not in said


@pytest.mark.covers("req:C6")
@pytest.mark.parametrize("manner", [AWAY, SILENT, REFUSES])
@pytest.mark.parametrize("act", ACTS)
def test_without_its_mail_nothing_happened_nobody_is_told_who_is_known_and_the_next_try_works(
    alice: User, way: str, settings: Any, nothing_said: None, act: str, manner: str
) -> None:
    path, fields = ACTS[act]
    people, events, answers = {KNOWN: Client(), NEW: Client()}, Event.objects.count(), []
    with mail_server(settings, manner):
        for email, client in people.items():
            answer = post(client, with_next(path, way), fields(email))
            answers.append(told(answer, with_next(path, way).replace("&", "&amp;")))
            assert "https://chatgpt.com" in answer.headers["Content-Security-Policy"]
            assert not list(client.session.keys())
    assert answers[0] == answers[1]
    assert ("typing mistakes" in answers[0]) == (manner == REFUSES)
    assert (User.objects.count(), EmailAddress.objects.count(), Event.objects.count()) == (1, 1, events)
    for email, client in people.items():
        again = post(client, with_next(path, way), fields(email))
        assert again.status_code == 302
        assert mail.outbox[-1].to == [email]
    assert User.objects.filter(email=NEW).exists() == act.startswith("sign-up")


@pytest.mark.covers("req:C6")
@pytest.mark.parametrize("act", ["sign-up", "sign-in by code"])
def test_a_code_that_cannot_be_sent_again_leaves_the_old_one_good_and_tells_no_more(
    alice: User, settings: Any, nothing_said: None, act: str
) -> None:
    path, fields = ACTS[act]
    answers, pages = [], {}
    for email in (KNOWN, NEW):
        client = Client()
        pages[email] = client, post(client, path, fields(email)).headers["Location"]
    has_code = NEW if act == "sign-up" else KNOWN
    old = next(message for message in mail.outbox if message.to == [has_code])
    cache.clear()  # a while later
    with mail_server(settings, AWAY):
        for client, page in pages.values():
            answers.append(told(post(client, page, {"action": "resend"}), page))
    assert answers[0] == answers[1]
    mail.outbox[:] = [old]
    client, page = pages[has_code]
    onward = post(client, page, {"code": code_in_last_mail()}).headers["Location"]
    assert onward == ("/accounts/2fa/webauthn/signup/" if act == "sign-up" else "/connections")


def test_an_unconfirmed_address_is_asked_for_again_at_the_next_sign_in(
    alice: User, settings: Any, nothing_said: None
) -> None:
    EmailAddress.objects.update(verified=False)
    client = Client()
    with mail_server(settings, AWAY):
        answer = post(client, "/accounts/login/", {"login": KNOWN, "password": PASSWORD})
        told(answer, "/accounts/login/")
    assert "_auth_user_id" not in client.session
    assert sign_in(client, KNOWN).headers["Location"] == "/accounts/confirm-email/"
    assert mail.outbox[-1].to == [KNOWN]


def test_an_address_is_not_changed_and_not_said_to_be_taken(alice: User, settings: Any, nothing_said: None) -> None:
    make_person("bob@example.com")
    client, answers = Client(), []
    sign_in(client, KNOWN)
    change = {"action_add": ""}
    with mail_server(settings, AWAY):
        for email in (NEW, "bob@example.com"):
            answers.append(told(post(client, "/accounts/email/", change | {"email": email}), "/accounts/email/"))
    assert answers[0] == answers[1]
    assert list(EmailAddress.objects.filter(user=alice).values_list("email", flat=True)) == [KNOWN]
    assert post(client, "/accounts/email/", change | {"email": NEW}).headers["Location"] == "/accounts/confirm-email/"
    assert mail.outbox[-1].to == [NEW]


def test_a_program_is_told_in_json_and_a_person_in_their_language(alice: User, settings: Any) -> None:
    with mail_server(settings, AWAY):
        path, fields = ACTS["reset by code"]
        answer = Client().post(path, fields(KNOWN), headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["error"]) == (503, "mail_unavailable")
        german = Client().post(path, fields(NEW), headers={"Accept-Language": "de"}).content.decode()
    assert "The e-mail could not be sent" not in german
    assert 'lang="de"' in german
