"""People on their way through a connection: signing in, signing up, switching the account. The request waits in `next`
and arrives unchanged."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.core import mail

from accounts.models import User
from tests.flows.changes import join, live_connections
from tests.people import PASSWORD, READS, App, Person, World, answer_of, field_value, hosted, tokens_of

STRANGE_STATE = "a&b=c d/é?#+%2B\"'<>"


def code_in_last_mail() -> str:
    """The code that a person would copy out of the newest message."""
    found = re.search(r"^([A-Z0-9]+(?:-[A-Z0-9]+)*)$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found.group(1)


def switch(person: Person, page) -> str:
    """Press "Switch account" on a page; return where the sign-in page is."""
    following = field_value(page.content.decode(), "next")
    answer = person.http.post("/accounts/switch-account", {"next": following})
    assert answer.status_code == 302
    return answer["Location"]


def sign_in_at(browser: Person, login: str, email: str):
    """Sign in on the sign-in page at this address; return the page that follows."""
    page = browser.http.get(login).content.decode()
    form = {"login": email, "password": PASSWORD, "next": field_value(page, "next")}
    return browser.http.get(browser.http.post(login, form)["Location"])


# --- Signing in


def test_a_wrong_password_keeps_the_request(world: World, chatgpt: App) -> None:
    login = world.alice.http.get(chatgpt.authorize_url())["Location"]
    following = field_value(world.alice.http.get(login).content.decode(), "next")
    page = world.alice.http.post(login, {"login": world.alice.email, "password": "wrong", "next": following})
    assert page.status_code == 200
    assert field_value(page.content.decode(), "next") == following == chatgpt.authorize_url()


def test_a_bad_request_never_reaches_the_sign_in_page(world: World, chatgpt: App) -> None:
    for url in (chatgpt.authorize_url(redirect_uri="https://evil.example/"), chatgpt.authorize_url(client_id="x")):
        assert world.alice.http.get(url).status_code == 400


def test_a_strange_state_survives_signing_in_and_allowing(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(state=STRANGE_STATE))
    assert answer_of(world.alice.decide(page, handle="acme"))["state"] == STRANGE_STATE


def test_somebody_signed_in_already_is_not_asked_again(world: World, chatgpt: App) -> None:
    assert world.alice.sign_in().http.get(chatgpt.authorize_url()).status_code == 200


@pytest.mark.parametrize("prompt", ["consent", "login", "select_account", "consent login"])
def test_whatever_the_client_prompts_for_a_person_decides(world: World, chatgpt: App, prompt: str) -> None:
    page = world.alice.open(chatgpt.authorize_url(prompt=prompt))
    assert "wants to connect" in page.content.decode()


def test_prompt_none_is_never_answered_with_a_code(world: World, chatgpt: App) -> None:
    url = chatgpt.authorize_url(prompt="none")
    assert answer_of(world.alice.http.get(url))["error"] == "login_required"
    world.connect(world.alice, chatgpt, handle="acme")
    answer = answer_of(world.alice.http.get(url))
    assert (answer["error"], answer["state"]) == ("consent_required", "state-1")
    assert "code" not in answer


# --- Switching


def test_switching_keeps_the_request_and_connects_the_other_account(world: World, chatgpt: App) -> None:
    url = chatgpt.authorize_url(hosted("acme"), state=STRANGE_STATE, scope=READS)
    browser = world.alice
    login = switch(browser, browser.open(url))
    page = sign_in_at(browser, login, world.bob.email)
    assert "bob@example.com" in page.content.decode()
    answer = answer_of(browser.decide(page))
    known = world.asker.knows(tokens_of(chatgpt.exchange(answer["code"])).access)
    assert answer["state"] == STRANGE_STATE
    assert (known["username"], known["handle"], known["handle_role"]) == ("bob@example.com", "acme", "member")


def test_switching_from_the_page_of_somebody_without_a_handle_keeps_the_request(world: World, chatgpt: App) -> None:
    browser = world.carol
    login = switch(browser, browser.open(chatgpt.authorize_url()))
    page = sign_in_at(browser, login, world.alice.email)
    assert "code" in answer_of(browser.decide(page, handle="acme"))


def test_a_page_from_before_the_switch_grants_nothing(world: World, chatgpt: App) -> None:
    browser = world.alice
    before = browser.open(chatgpt.authorize_url(hosted("acme")))
    sign_in_at(browser, switch(browser, before), world.bob.email)
    answer = browser.decide(before)
    assert answer["Location"] == chatgpt.authorize_url(hosted("acme"))
    assert live_connections() == 0


def test_the_page_says_when_the_app_expected_another_account(world: World, chatgpt: App) -> None:
    page = world.alice.open(chatgpt.authorize_url(login_hint="bob@example.com"))
    assert "bob@example.com" in page.content.decode()
    assert "Switch if that is the account you want to use." in page.content.decode()


@pytest.mark.parametrize("hint", ["alice@example.com", "ALICE@example.com", "", "12345"])
def test_a_hint_of_this_account_or_of_none_is_not_shown(world: World, chatgpt: App, hint: str) -> None:
    page = world.alice.open(chatgpt.authorize_url(login_hint=hint))
    assert "The app expected" not in page.content.decode()


# --- Signing up


def sign_up(browser: Person, chatgpt: App, url: str):
    """Sign up with a code by e-mail, starting from the sign-in page of this request; return the page that follows."""
    login = browser.http.get(url)["Location"]
    page = unescape(browser.http.get(login).content.decode())
    link = re.search(r'href="(/accounts/signup/[^"]*)"', page)
    assert link
    form_page = browser.http.get(link[1]).content.decode()
    form = {"email": browser.email, "password1": PASSWORD, "next": field_value(form_page, "next")}
    to_code = browser.http.post("/accounts/signup/", form)["Location"]
    code_page = browser.http.get(to_code).content.decode()
    assert "ChatGPT" in code_page
    confirmed = browser.http.post(to_code, {"code": code_in_last_mail(), "next": field_value(code_page, "next")})
    offer = confirmed["Location"]
    assert offer.startswith("/accounts/2fa/webauthn/signup/")  # a passkey, which nobody has to make
    page = browser.http.get(offer).content.decode()
    assert browser.http.post(offer, {"action": "skip", "next": field_value(page, "next")})["Location"] == url
    return browser.http.get(url)


def test_somebody_who_signs_up_on_the_way_arrives_and_is_told_about_handles(world: World, chatgpt: App) -> None:
    dora = Person("dora@example.com")
    page = sign_up(dora, chatgpt, chatgpt.authorize_url(state=STRANGE_STATE))
    assert page.status_code == 403
    assert "You need a handle first" in page.content.decode()
    assert User.objects.filter(email=dora.email, is_active=True).exists()


def test_somebody_who_signed_up_and_was_let_into_a_handle_finishes_the_same_request(world: World, chatgpt: App) -> None:
    dora, url = Person("dora@example.com"), chatgpt.authorize_url(hosted("globex"), state=STRANGE_STATE, scope=READS)
    assert "You are not a member of @globex" in sign_up(dora, chatgpt, url).content.decode()
    join(dora, "globex")
    answer = answer_of(dora.decide(dora.http.get(url)))
    known = world.asker.knows(tokens_of(chatgpt.exchange(answer["code"])).access)
    assert (known["username"], known["handle"], answer["state"]) == ("dora@example.com", "globex", STRANGE_STATE)


def test_a_sign_up_that_was_not_confirmed_connects_nothing(world: World, chatgpt: App) -> None:
    dora = Person("dora@example.com")
    form = {"email": dora.email, "password1": PASSWORD, "next": chatgpt.authorize_url()}
    dora.http.post("/accounts/signup/", form)
    answer = dora.http.get(chatgpt.authorize_url())
    assert answer["Location"].startswith("/accounts/login/")
