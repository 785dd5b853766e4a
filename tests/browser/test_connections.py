"""The page of connected apps at work, and consent that remembers: by name, for everybody, without a script."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from authserver.models import Connection, ConnectionUse, ToolUse
from authserver.services import connections
from authserver.services.connections import PausedBy
from tests.browser.conftest import ClientSite, sign_in
from tests.flows.changes import set_client
from tests.people import LOOPBACK_CALLBACK, READS, App, World, hosted

ALICE = "alice@example.com"
WIDE = f"{READS} links.write analytics.read site.deployments.write"


@pytest.fixture
def connected(world: World, chatgpt: App) -> Connection:
    """ChatGPT on @acme, used, with two wishes; Claude Code on @globex, idle and paused by an admin."""
    world.connect(world.alice, chatgpt, handle="acme")
    mine, now = Connection.objects.get(), timezone.now()
    for scope in ("links.write", "site.deployments.write"):
        connections.wish(mine.pk, scope, tool="create_link", now=now)
    ConnectionUse.objects.create(connection=mine, day=now.date(), introspections=42)
    ToolUse.objects.create(connection=mine, day=now.date(), tool="list_links", outcome="allowed", count=14)
    world.connect(world.alice, App.register("Claude Code", LOOPBACK_CALLBACK), scope=WIDE, handle="globex")
    other = Connection.objects.exclude(pk=mine.pk).get()
    Connection.objects.filter(pk=other.pk).update(created_at=now - timedelta(days=120))
    connections.withhold(other, ["links.write"], by=world.alice.user, now=now)
    connections.pause(other, who=PausedBy.HANDLE_ADMIN, by=world.alice.user, now=now)
    return mine


def open_list(page: Page, home: str) -> None:
    page.goto(f"{home}/accounts/login/")
    sign_in(page, ALICE)
    page.wait_for_url("**/connections")


def ask(page: Page, home: str, app: App, **parameters: str | None) -> None:
    page.goto(home + app.authorize_url(**parameters))
    sign_in(page, ALICE)


def test_the_list_says_what_was_called_and_what_sleeps(page: Page, home: str, connected: Connection) -> None:
    open_list(page, home)
    expect(page.get_by_role("listitem", name="ChatGPT on @acme", exact=True)).to_contain_text("list_links 14 times")
    expect(page.get_by_role("listitem", name="Claude Code on @globex", exact=True)).to_contain_text(
        "Unused for 90 days"
    )


def test_what_an_admin_withholds_cannot_be_ticked(page: Page, home: str, connected: Connection) -> None:
    open_list(page, home)
    page.get_by_role("link", name="Reduce permissions of Claude Code on @globex", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Permissions of Claude Code on @globex")
    expect(page.get_by_role("group", name="Claude Code will be able to")).to_be_visible()
    withheld = page.get_by_role("checkbox", name="Create and edit links Change", exact=True)
    expect(withheld).to_be_disabled()
    expect(withheld).to_have_accessible_description(re.compile("Withheld by an admin of @globex"))


def test_permissions_pause_and_wishes_work_without_a_script(browser: Browser, home: str, connected: Connection) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        open_list(page, home)
        card = page.get_by_role("listitem", name="ChatGPT on @acme", exact=True)
        wish = card.get_by_role("button", name="Allow", exact=True).first
        expect(wish).to_have_accessible_description(re.compile(r"ChatGPT asked to create and edit links\. Allow\?"))
        wish.click()
        expect(page.get_by_role("status")).to_contain_text("Allowed. ChatGPT has it")
        card.get_by_role("button", name="No", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("Declined.")
        page.get_by_role("link", name="Reduce permissions of ChatGPT on @acme").click()
        page.get_by_role("checkbox", name="Read your links Read", exact=True).uncheck()
        page.get_by_role("button", name="Save permissions").click()
        expect(page.get_by_role("status")).to_contain_text("are changed")
        page.get_by_role("button", name="Pause ChatGPT on @acme", exact=True).click()
        expect(card).to_contain_text("Paused by you.")
        page.get_by_role("button", name="Resume ChatGPT on @acme", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("works again")
        page.get_by_role("searchbox", name="App").fill("claude")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_role("listitem", name=re.compile(" on @"))).to_have_count(1)
        expect(page.get_by_text("1 of 2 connections shown.")).to_be_visible()
    connected.refresh_from_db()
    assert connected.scopes == "mcp.connect skills.read links.write"


def test_what_is_new_comes_first_and_the_rest_is_folded(page: Page, home: str, world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    ask(page, home, chatgpt, resource=hosted("acme"), scope=WIDE)
    expect(page.get_by_text("New:", exact=True)).to_be_visible()
    old = page.get_by_role("checkbox", name="Read your links Read", exact=True)
    expect(old).to_be_hidden()
    page.get_by_text("Already allowed (3)").click()
    expect(old).to_be_checked()


def test_what_one_handle_withholds_follows_the_choice(page: Page, home: str, world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    connections.withhold(Connection.objects.get(), ["links.write"], by=world.alice.user, now=timezone.now())
    ask(page, home, chatgpt, scope=WIDE)
    box = page.get_by_role("checkbox", name="Create and edit links Change", exact=True)
    expect(box).to_be_disabled()
    expect(box).to_have_accessible_description(re.compile("Withheld by an admin of @acme"))
    page.get_by_role("radio", name=re.compile("^@globex")).check()
    expect(box).to_be_enabled()
    expect(box).to_be_checked()


def test_the_page_with_one_button(page: Page, home: str, world: World, app: App, client_site: ClientSite) -> None:
    world.connect(world.alice, app, resource=hosted("acme"))
    ask(page, home, app, resource=hosted("acme"), scope=READS)
    expect(page.get_by_role("heading", level=1, name="ChatGPT wants to connect", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", level=2, name="Continue as Alice to @acme?", exact=True)).to_be_visible()
    page.get_by_role("button", name="Choose something else", exact=True).click()
    expect(page.get_by_role("group", name="ChatGPT will be able to")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Allow", exact=True).click()
    page.wait_for_url("**/callback?code=*")
    assert len(client_site.visits) == 1


def test_a_verified_client_is_answered_at_once_after_a_click_on_its_own_page_and_not_after_one_elsewhere(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    world.connect(world.alice, chatgpt, resource=hosted("acme"))
    set_client(chatgpt, is_verified=True)
    url = home + chatgpt.authorize_url(hosted("acme"), scope=READS)
    open_list(page, home)

    def lead(route: Route) -> None:
        # Plain http in this test: a browser would keep the referrer of an https page to itself.
        link = f'<meta name="referrer" content="unsafe-url"><a href="{url.replace("&", "&amp;")}">Connect</a>'
        route.fulfill(body=f"<!doctype html><title>A page</title>{link}", content_type="text/html")

    page.route(re.compile(r"^https://(chatgpt\.com|evil\.example)/"), lead)
    for host, is_silent in (("evil.example", False), ("chatgpt.com", True)):
        page.goto(f"https://{host}/start")
        with page.expect_response(re.compile("/oauth/authorize")) as answer:
            page.get_by_role("link", name="Connect").click()
        assert (answer.value.status == 302) == is_silent, host
        if not is_silent:
            expect(page.get_by_role("button", name="Allow", exact=True)).to_be_visible()
