"""The page of personal access tokens, and signing out everywhere, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Inspect, sign_in
from tests.flows.tokens.holder import make_token
from tests.people import App, World

SECRET = re.compile(r"^pat_[0-9A-Za-z]{49}$")


def test_a_person_makes_a_token_and_revokes_it(page: Page, home: str, world: World, inspect: Inspect) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{home}/handles")
    sign_in(page, "bob@example.com")
    page.get_by_role("link", name="@acme").click()
    page.get_by_role("link", name="Tokens", exact=True).click()
    expect(page.get_by_role("checkbox", name="Publish your site")).to_be_disabled()
    page.get_by_role("textbox", name="Name").fill("Nightly export")
    page.get_by_role("checkbox", name="Read your links").check()
    page.get_by_role("radio", name="90 days").check()
    page.get_by_role("button", name="Create token").click()
    secret = page.locator("#secret")
    expect(secret).to_have_text(SECRET)
    page.get_by_role("button", name="Copy the token").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == secret.text_content()
    assert "pat_" not in page.url
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("was sent before")
    expect(page.get_by_text(re.compile(r"pat_[0-9A-Za-z]{49}"))).to_have_count(0)
    expect(page.get_by_role("listitem", name="Nightly export", exact=True)).to_have_count(1)
    page.get_by_role("link", name="Revoke Nightly export").click()
    inspect(page)
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Nightly export no longer works.")
    expect(page.get_by_role("listitem", name="Nightly export", exact=True)).to_have_count(0)


def test_back_after_leaving_does_not_show_the_secret_again(page: Page, home: str, world: World) -> None:
    page.goto(f"{home}/handles/acme/tokens")
    sign_in(page, "bob@example.com")
    page.get_by_role("textbox", name="Name").fill("CI")
    page.get_by_role("checkbox", name="Read your links").check()
    page.get_by_role("button", name="Create token").click()
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("listitem", name="CI", exact=True)).to_have_count(1)
    page.go_back()
    expect(page.locator("#secret")).to_have_count(0)


def test_an_admin_sees_everybodys(page: Page, home: str, world: World, inspect: Inspect) -> None:
    make_token(world.bob.sign_in(), name="A name that goes on until it is eighty letters long, one-very-long-word")
    page.goto(f"{home}/handles/acme/tokens")
    sign_in(page, "alice@example.com")
    expect(page.get_by_role("heading", level=2, name="Tokens of other members")).to_be_visible()
    inspect(page)


@pytest.mark.parametrize("through", ["Sessions", "Password"])
def test_signing_out_everywhere(page: Page, home: str, world: World, chatgpt: App, through: str) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    page.goto(f"{home}/accounts/email/")
    sign_in(page, "alice@example.com")
    page.get_by_role("navigation", name="Your account").get_by_role("link", name=through).click()
    if through == "Password":
        page.get_by_label("Current Password", exact=True).fill("correct horse battery staple")
        page.get_by_label("New Password", exact=True).fill("another battery, another staple")
        page.get_by_label("New Password (again)", exact=True).fill("another battery, another staple")
        page.get_by_role("checkbox", name="Sign out everywhere and disconnect all apps").check()
        page.get_by_role("button", name="Change Password").click()
        expect(page.get_by_role("navigation", name="Account", exact=True)).to_contain_text("Sign out")
    else:
        page.get_by_role("link", name="Sign out everywhere").click()
        page.get_by_role("button", name="Sign out everywhere", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("You are signed out everywhere.")
    assert not world.asker.is_active(held.access)
