"""The consent page's tools, presets and very many handles, in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from authserver.models import Connection
from handles.models import Handle, Membership
from tests.browser.conftest import Inspect, sign_in
from tests.browser.test_consent import ALICE, BOB, ask, press
from tests.flows.consent.publishing import DELETES, FIRST, publish
from tests.people import App, World

ASKED = "links.read links.write site.deployments.write"


@pytest.fixture
def published(world: World) -> None:
    publish(world, FIRST, kind="gateway")


def count(page: Page) -> str:
    return page.locator("[data-tools] details:not([data-asking]) > summary").inner_text()


def test_the_tools_follow_ticks_presets_and_the_handle(
    page: Page, home: str, world: World, published: None, chatgpt: App, complaints: list[str]
) -> None:
    ask(page, home, chatgpt, email=BOB, scope=ASKED)
    assert count(page) == "3 tools, 1 can change data"
    page.get_by_text("3 tools, 1 can change data").click()
    expect(page.get_by_text("Publish the site")).to_be_hidden()
    page.get_by_role("checkbox", name="Create and edit links Change").uncheck()
    expect(page.get_by_text("Create a link", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Read only", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("status").filter(has_text="2 tools, 0 can change data")).to_have_count(1)
    page.get_by_role("button", name="All", exact=True).click()
    assert count(page) == "4 tools, 2 can change data"
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("radio", name=re.compile("^@acme")).check()
    assert count(page) == "3 tools, 1 can change data"
    page.get_by_role("button", name="Read only", exact=True).click()
    assert count(page) == "2 tools, 0 can change data"
    assert page.get_by_text("Asks you first: 1 more", exact=True).is_visible()
    page.get_by_role("checkbox", name="Read your links Read").uncheck()
    assert count(page) == "1 tool, 0 can change data"
    expect(page.get_by_role("button", name="Custom")).to_have_attribute("aria-pressed", "true")
    assert complaints == []


def test_a_preset_works_without_script(browser: Browser, home: str, world: World, published: None, app: App) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        ask(page, home, app, scope=ASKED)
        page.get_by_role("radio", name=re.compile("^@globex")).check()
        page.get_by_role("button", name="Read only", exact=True).click()
        expect(page.get_by_role("radio", name=re.compile("^@globex"))).to_be_checked()
        expect(page.get_by_role("checkbox", name="Create and edit links Change")).not_to_be_checked()
        press(page, "Allow")
    row = Connection.objects.get()
    assert (row.handle.slug, row.scopes) == ("globex", "mcp.connect links.read")
    assert row.declined_scopes == "links.write site.deployments.write"


@pytest.mark.covers("screen:C12")
def test_with_500_handles_the_server_searches_and_the_choice_stays(
    page: Page, home: str, world: World, published: None, app: App
) -> None:
    teams = [Handle(slug=f"team-{number}", display_name=f"Team number {number}") for number in range(500)]
    Handle.objects.bulk_create(teams)
    Membership.objects.bulk_create(Membership(user=world.alice.user, handle=team, role="member") for team in teams)
    ask(page, home, app, scope=ASKED)
    assert len(page.content().encode()) < 80_000
    expect(page.get_by_role("radio")).to_have_count(50)
    page.get_by_role("checkbox", name="Create and edit links Change").uncheck()
    search = page.get_by_role("searchbox", name="Search your handles")
    search.fill("@TEAM-499")
    search.press("Enter")
    expect(page.get_by_role("radio", name=re.compile("^@team-499"))).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="1 handle shown")).to_be_visible()
    page.keyboard.press("Space")
    search.fill("nothing like it")
    search.press("Enter")
    expect(page.get_by_role("status").filter(has_text="No handle matches")).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("^@team-499"))).to_be_checked()
    expect(page.get_by_role("checkbox", name="Create and edit links Change")).not_to_be_checked()
    press(page, "Allow for @team-499")
    row = Connection.objects.get()
    assert (row.handle.slug, row.scopes) == ("team-499", "mcp.connect links.read")


def test_pages_about_new_tools(
    page: Page, home: str, world: World, published: None, chatgpt: App, inspect: Inspect
) -> None:
    world.connect(world.alice, chatgpt, scope=ASKED, handle="acme")
    publish(world, FIRST, {"purge_links": ("Purge links", "links.write", DELETES)}, kind="gateway")
    page.goto(f"{home}/connections")
    sign_in(page, ALICE)
    page.get_by_role("link", name="See what is new").click()
    inspect(page)
    page.goto(f"{home}/handles/acme/tools")
    inspect(page)
    page.goto(home + chatgpt.authorize_url(scope=ASKED))
    expect(page.get_by_role("heading", name="New tools since you allowed it")).to_be_visible()
    for summary in page.locator("[data-tools] summary").all():
        summary.click()
    inspect(page)
