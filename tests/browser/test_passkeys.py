"""Passkeys in a real browser, whose authenticator is Chromium's virtual one: made at sign-up, used to sign in, as the
second step, and to show again who one is."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from accounts.sessions import SessionStore
from tests.browser.conftest import Inspect
from tests.browser.scenes.finger import Finger
from tests.flows.accounts.detours import code_by_mail
from tests.people import PASSWORD, App, World

DORA = "dora@example.com"


@pytest.fixture
def finger(page: Page) -> Finger:
    return Finger(page)


def arrives(page: Page, path: str) -> None:
    page.wait_for_url(lambda url: url.partition("?")[0].endswith(path))


def let_time_pass() -> None:
    """Let every sign-in be an hour ago."""
    for session in Session.objects.all():
        store = SessionStore(session.session_key)
        for record in store.get("account_authentication_methods", []):
            record["at"] -= 3600
        store.modified = True
        store.save()


def test_a_passkey_from_sign_up_to_the_second_step(
    page: Page, home: str, world: World, chatgpt: App, finger: Finger, inspect: Inspect, complaints: list[str]
) -> None:
    flow = home + chatgpt.authorize_url()
    page.goto(flow)
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("textbox", name="Email", exact=True).fill(DORA)
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("textbox", name="Code").fill(code_by_mail())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Next time, sign in with a passkey?")).to_be_visible()
    inspect(page)
    page.get_by_role("button", name="Make a passkey").click()
    arrives(page, "/oauth/authorize")

    # It signs in by itself, and keeps the way.
    page.context.clear_cookies()
    page.goto(flow)
    page.get_by_role("button", name="Sign in with a passkey").click()
    arrives(page, "/oauth/authorize")

    # With recovery codes the password is not enough any more.
    page.goto(f"{home}/accounts/2fa/recovery-codes/generate/")
    page.get_by_role("button", name="Make the codes").click()
    arrives(page, "/accounts/2fa/recovery-codes/")
    inspect(page)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("Your password alone signs nobody in.")).to_be_visible()
    inspect(page)
    page.context.clear_cookies()
    finger.rest(there=False)
    page.goto(flow)
    page.get_by_role("textbox", name="Email", exact=True).fill(DORA)
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="One more step to connect ChatGPT")).to_be_visible()
    inspect(page)
    finger.rest(there=True)
    page.get_by_role("button", name="Use a passkey").click()
    arrives(page, "/oauth/authorize")

    # Long after, a dangerous act wants it once more.
    let_time_pass()
    page.goto(f"{home}/accounts/2fa/webauthn/add/")
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    inspect(page)
    page.get_by_role("button", name="Use a passkey").click()
    arrives(page, "/accounts/2fa/webauthn/add/")
    assert Authenticator.objects.filter(user__email=DORA, type="webauthn").count() == 1


def test_a_finger_that_is_not_known_signs_nobody_in(page: Page, home: str, world: World, finger: Finger) -> None:
    page.goto(f"{home}/accounts/login/?next=/handles")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("That did not work. Try again, or sign in another way.")).to_be_visible()
    assert "/accounts/login/" in page.url


@pytest.mark.parametrize(
    "path", ["profile", "sessions/", "2fa/totp/activate/", "2fa/webauthn/add/", "sign-out-everywhere", "language"]
)
def test_a_page_of_the_account(page: Page, home: str, world: World, inspect: Inspect, path: str) -> None:
    page.goto(f"{home}/accounts/login/")
    page.get_by_role("textbox", name="Email", exact=True).fill("alice@example.com")
    page.get_by_role("textbox", name="Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/connections")
    page.goto(f"{home}/accounts/{path}")
    inspect(page)
