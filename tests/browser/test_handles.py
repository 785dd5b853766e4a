"""The pages on which admins of a handle decide, and those that people meet who are not let in."""

import pytest
from playwright.sync_api import Page, expect

from authserver.models import ClientPolicy
from handles.models import Handle
from tests.browser.conftest import Inspect, sign_in
from tests.people import LOOPBACK_CALLBACK, App, World, hosted

ALICE = "alice@example.com"


def set_policy(mode: str) -> None:
    ClientPolicy.objects.create(handle=Handle.objects.get(slug="acme"), mode=mode)


def test_an_admin_decides_about_apps(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    world.connect(world.bob, chatgpt, handle="acme")
    set_policy("ask")
    world.bob.decide(world.bob.open(App.register("Claude Code", LOOPBACK_CALLBACK).authorize_url(hosted("acme"))))
    page.goto(f"{home}/handles")
    sign_in(page, ALICE)
    page.get_by_role("link", name="@acme").click()
    page.get_by_role("link", name="Decide which apps may connect").click()
    expect(page.get_by_role("heading", level=2, name="Waiting for your decision")).to_be_visible()
    expect(page.get_by_role("radio", name="Ask us first")).to_be_checked()
    page.get_by_role("button", name="Allow Claude Code", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Claude Code may connect to @acme.")
    expect(page.get_by_role("heading", name="Waiting for your decision")).to_have_count(0)
    page.get_by_role("button", name="Block ChatGPT", exact=True).click()
    page.get_by_role("button", name="Disconnect ChatGPT for everyone", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Disconnect ChatGPT for everyone at @acme?")
    inspect(page)
    page.get_by_role("button", name="Disconnect for everyone", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("ChatGPT: 1 connection to @acme ended.")
    page.get_by_role("button", name="Save who may connect").click()
    page.get_by_role("textbox", name="Client ID").fill("\u200b")
    page.get_by_role("button", name="Allow this client ID").click()
    expect(page.get_by_role("alert")).to_be_focused()


def test_who_manages_no_handle(page: Page, home: str, world: World) -> None:
    page.goto(f"{home}/handles")
    sign_in(page, "carol@example.com")
    expect(page.get_by_role("heading", level=2)).to_have_text("You belong to no handle")


@pytest.mark.parametrize("mode", ["verified", "listed"])
def test_an_app_that_is_not_let_in(page: Page, home: str, world: World, chatgpt: App, mode: str) -> None:
    set_policy(mode)
    page.goto(home + chatgpt.authorize_url())
    sign_in(page, "bob@example.com")
    expect(page.get_by_role("radio", name="@acme")).to_be_disabled()
    expect(page.get_by_role("radio", name="@initech")).not_to_be_checked()
    page.goto(home + chatgpt.authorize_url(hosted("acme")))
    expect(page.get_by_role("heading", level=1)).to_have_text("This app may not connect to @acme")


def test_an_app_that_waits(page: Page, home: str, world: World, chatgpt: App) -> None:
    set_policy("ask")
    page.goto(home + chatgpt.authorize_url(hosted("acme")))
    sign_in(page, "bob@example.com")
    page.get_by_role("button", name="Allow for @acme").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your request waits for an admin of @acme")
    expect(page.get_by_role("link", name="Return to ChatGPT without connecting")).to_be_visible()
