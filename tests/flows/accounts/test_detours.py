"""A person comes by an authorize URL, takes whatever detour a sign-in has, and stands before that consent page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as Http

from accounts.models import User
from authserver.models import Event
from handles.models import Handle, Membership
from tests.flows.accounts import oidc_provider
from tests.flows.accounts.detours import (
    click,
    code_by_mail,
    follow,
    give_password,
    is_consent,
    set_up_app,
    shown_by_app,
    submit,
)
from tests.people import PASSWORD, App, Person, World, answer_of, tokens_of

NEW = "another battery, another staple"


def browser(email: str) -> Person:
    return Person(email, Http(headers={"accept": "text/html"}))


def stands_before_consent(page: Any) -> None:
    """Whoever has no handle gets that page instead; either belongs to the request that the person came with."""
    assert is_consent(page) or "ChatGPT" in page.content.decode() and page.status_code == 403, page.content.decode()


@pytest.mark.covers("req:P1")
def test_sign_up_with_a_code_and_the_offer_of_a_passkey(world: World, chatgpt: App) -> None:
    dora = browser("dora@example.com")
    sign_in = follow(dora, dora.http.get(chatgpt.authorize_url()))
    sign_up = click(dora, sign_in, "Create an account")
    code = submit(dora, sign_up, "/accounts/signup/", email=dora.email, password1=PASSWORD)
    again = submit(dora, code, "/accounts/confirm-email/", code="WRONG")
    assert "This code is not right." in again.content.decode()
    offer = submit(dora, again, "/accounts/confirm-email/", code=code_by_mail())
    assert "Next time, sign in with a passkey?" in offer.content.decode()
    stands_before_consent(submit(dora, offer, "/accounts/2fa/webauthn/signup/", action="skip"))
    assert dora.user.emailaddress_set.get().verified  # type: ignore[attr-defined]


def test_a_number_for_a_host_cannot_have_passkeys_and_none_is_offered(world: World, chatgpt: App) -> None:
    dora = Person("dora@example.com", Http(headers={"accept": "text/html", "host": "127.0.0.1"}))
    sign_in = follow(dora, dora.http.get(chatgpt.authorize_url()))
    assert "passkey" not in sign_in.content.decode()
    code = submit(
        dora, click(dora, sign_in, "Create an account"), "/accounts/signup/", email=dora.email, password1=PASSWORD
    )
    stands_before_consent(submit(dora, code, "/accounts/confirm-email/", code=code_by_mail()))


def test_password_and_then_a_code_from_an_app(world: World, chatgpt: App) -> None:
    secret = set_up_app(world.alice.sign_in())
    assert Event.objects.filter(tag="person:factor_added", detail__kind="totp").exists()
    elsewhere = browser(world.alice.email)
    second_step = give_password(elsewhere, follow(elsewhere, elsewhere.http.get(chatgpt.authorize_url())))
    assert "One more step to connect <bdi>ChatGPT</bdi>" in second_step.content.decode()
    assert elsewhere.http.get("/connections").status_code == 302
    second_step = submit(elsewhere, second_step, "/accounts/2fa/authenticate/", code="000000")
    assert "This code is not right." in second_step.content.decode()
    page = submit(elsewhere, second_step, "/accounts/2fa/authenticate/", code=shown_by_app(secret))
    assert is_consent(page)
    assert tokens_of(chatgpt.exchange(answer_of(elsewhere.decide(page, handle="acme"))["code"]))


def test_a_recovery_code_opens_once(world: World, chatgpt: App) -> None:
    set_up_app(world.alice.sign_in())
    page = world.alice.http.get("/accounts/2fa/recovery-codes/").content.decode()
    code = re.findall(r"^.*?(\d{8})$", page, re.M)[0]
    for opens in (True, False):
        elsewhere = browser(world.alice.email)
        step = give_password(elsewhere, follow(elsewhere, elsewhere.http.get(chatgpt.authorize_url())))
        assert is_consent(submit(elsewhere, step, "/accounts/2fa/authenticate/", code=code)) is opens


def test_a_forgotten_password_is_set_anew_by_a_code(world: World, chatgpt: App) -> None:
    alice = world.alice
    code = submit(
        alice,
        click(alice, follow(alice, alice.http.get(chatgpt.authorize_url())), "Forgot your password?"),
        "/accounts/password/reset/",
        email=alice.email,
    )
    choose = submit(alice, code, "/accounts/password/reset/confirm/", code=code_by_mail())
    page = submit(alice, choose, "/accounts/password/reset/complete/", password1=NEW, password2=NEW)
    assert is_consent(page)
    assert Event.objects.get(tag="person:password_changed").detail == {"way": "reset"}
    assert alice.user.check_password(NEW)


def test_a_code_by_mail_instead_of_a_password(world: World, chatgpt: App) -> None:
    alice = world.alice
    ask = click(alice, follow(alice, alice.http.get(chatgpt.authorize_url())), "E-mail me a code instead")
    code = submit(alice, ask, "/accounts/login/code/", email=alice.email)
    assert is_consent(submit(alice, code, "/accounts/login/code/confirm/", code=code_by_mail()))


def test_signing_in_elsewhere(world: World, chatgpt: App, settings: Any) -> None:
    with oidc_provider.running(sub="77", email="una@example.com", email_verified=True, name="Una") as provider:
        settings.SOCIALACCOUNT_PROVIDERS = provider.settings()
        una = browser("una@example.com")
        for _ in range(2):  # the first time makes the account, the second finds it
            sign_in = follow(una, una.http.get(chatgpt.authorize_url()))
            away = click(una, sign_in, "Continue with ")
            back = una.http.get(provider.visit(away["Location"]).removeprefix("http://testserver"))
            stands_before_consent(follow(una, back))
            una.http.logout()
    assert (una.user.name, una.user.has_usable_password()) == ("Una", False)
    assert EmailAddress.objects.get(email=una.email).verified


def test_whoever_has_neither_password_nor_factor_shows_who_they_are_by_signing_in_again(world: World) -> None:
    user = User.objects.create_user("finn@example.com")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Membership.objects.create(user=user, handle=Handle.objects.get(slug="acme"), role="member")
    finn = browser(user.email)
    finn.http.force_login(user)  # as if long ago: the session tells of no sign-in
    again = follow(finn, finn.http.get("/connections/all/disconnect"))
    assert "Please sign in again" in again.content.decode()
    sign_in = submit(finn, again, "/accounts/switch-account")
    ask = click(finn, sign_in, "E-mail me a code instead")
    code = submit(finn, ask, "/accounts/login/code/", email=finn.email)
    page = submit(finn, code, "/accounts/login/code/confirm/", code=code_by_mail())
    assert page.request["PATH_INFO"] == "/connections/all/disconnect"
