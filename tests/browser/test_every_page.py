"""Every kind of page: readable by everybody, at every width, in the dark, from right to left."""

import pytest
from playwright.sync_api import Page, expect

from authserver.models import Connection
from handles.models import Handle, Membership
from tests.browser.conftest import Inspect, sign_in
from tests.people import CALLBACK, GATEWAY, LOOPBACK_CALLBACK, READS, App, World, hosted

ALICE = "alice@example.com"


def consent(page: Page, home: str, app: App, *, email: str = ALICE, **parameters: str | None) -> None:
    page.goto(home + app.authorize_url(**parameters))
    sign_in(page, email)


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_a_page_for_everybody(page: Page, home: str, world: World, inspect: Inspect, path: str) -> None:
    page.goto(home + path)
    inspect(page)


@pytest.mark.parametrize(
    "path", ["/connections", "/accounts/email/", "/accounts/password/change/", "/accounts/logout/"]
)
def test_a_page_for_somebody_signed_in(page: Page, home: str, world: World, inspect: Inspect, path: str) -> None:
    page.goto(f"{home}/accounts/login/")
    sign_in(page, ALICE)
    page.wait_for_url("**/connections")
    page.goto(home + path)
    inspect(page)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/new",
        "/acme",
        "/acme/connections",
        "/acme/usage",
        "/acme/members",
        "/acme/invitations",
        "/acme/settings",
        "/acme/leave",
    ],
)
def test_a_page_of_a_handle(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect, path: str) -> None:
    world.connect(world.bob, chatgpt, handle="acme")
    connection = Connection.objects.get()
    connection.tool_uses.create(day=connection.created_at.date(), tool="list_links", outcome="allowed", count=3)
    page.goto(f"{home}/accounts/login/")
    sign_in(page, ALICE)
    page.wait_for_url("**/connections")
    page.goto(f"{home}/handles{path}")
    inspect(page)


def test_the_sign_in_page_of_a_flow(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    page.goto(home + chatgpt.authorize_url())
    expect(page.get_by_role("heading", level=1, name="Sign in to connect ChatGPT", exact=True)).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    inspect(page)


def test_a_refused_sign_in(page: Page, home: str, world: World, inspect: Inspect) -> None:
    page.goto(f"{home}/accounts/login/")
    sign_in(page, "nobody@example.com")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("textbox", name="Email")).to_have_value("nobody@example.com")
    inspect(page)


def test_the_page_that_waits_for_a_code(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    page.goto(home + chatgpt.authorize_url())
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("textbox", name="Email", exact=True).fill("dora@example.com")
    page.get_by_role("textbox", name="Password", exact=True).fill("correct horse battery staple")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter the code to connect ChatGPT")
    inspect(page)


def test_consent_with_a_choice_of_handles(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    consent(page, home, chatgpt, scope=None)
    expect(page.get_by_role("group", name="Choose one handle")).to_be_visible()
    inspect(page)


def test_consent_for_the_handle_of_the_address(
    page: Page, home: str, world: World, chatgpt: App, inspect: Inspect
) -> None:
    consent(page, home, chatgpt, resource=hosted("acme"), email="bob@example.com")
    expect(page.get_by_text("Set by the address the app used")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)
    inspect(page)


def test_consent_with_forty_handles(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    for number in range(40):
        handle = Handle.objects.create(slug=f"team-{number}", display_name=f"Team number {number}")
        Membership.objects.create(user=world.alice.user, handle=handle, role="member")
    consent(page, home, chatgpt)
    expect(page.get_by_role("searchbox", name="Search your handles")).to_be_visible()
    inspect(page)


def test_consent_for_a_program_on_this_computer(page: Page, home: str, world: World, inspect: Inspect) -> None:
    app = App.register(name="Claude Code", redirect_uri=LOOPBACK_CALLBACK)
    consent(page, home, app)
    expect(page.get_by_role("note")).to_contain_text("This app runs on this computer.")
    inspect(page)


def test_consent_for_an_installed_app(page: Page, home: str, world: World, inspect: Inspect) -> None:
    app = App.register(name="Cursor", redirect_uri="cursor://anysphere.cursor-retrieval/oauth/callback")
    consent(page, home, app)
    expect(page.get_by_role("definition").first).to_contain_text("Opens the app Cursor on this device")
    inspect(page)


def test_consent_for_long_names_and_addresses(page: Page, home: str, world: World, inspect: Inspect) -> None:
    host = "accounts.google.com." + "a-long-label-of-a-host." * 5 + "attacker.example"
    app = App.register(
        name="An assistant whose name goes on and on until it is eighty letters long or so 1",
        redirect_uri=f"https://{host}/" + "x" * 300,
    )
    Handle.objects.filter(slug="acme").update(display_name="A" * 80)
    consent(page, home, app, scope=READS)
    page.get_by_text("Show the full address").click()
    inspect(page)


def test_consent_that_came_back_with_an_error(
    page: Page, home: str, world: World, chatgpt: App, inspect: Inspect
) -> None:
    consent(page, home, chatgpt)
    page.get_by_role("checkbox", name="Read your links Read").uncheck()
    page.eval_on_selector("form[data-consent]", "form => { form.noValidate = true }")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("checkbox", name="Read your links Read")).not_to_be_checked()
    inspect(page)


def test_a_person_without_a_handle(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    consent(page, home, chatgpt, email="carol@example.com")
    expect(page.get_by_role("heading", level=1)).to_have_text("You need a handle first")
    inspect(page)


def test_a_dead_end(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    page.goto(home + chatgpt.authorize_url(redirect_uri=CALLBACK + "/other"))
    expect(page.get_by_text("Request ID", exact=True)).to_be_visible()
    inspect(page)


def test_a_handle_one_does_not_belong_to(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    consent(page, home, chatgpt, resource=hosted("globex"), email="bob@example.com")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not a member of @globex")
    inspect(page)
    page.get_by_role("button", name="Switch account").click()
    sign_in(page, ALICE)
    expect(page.get_by_role("heading", level=2, name="Connecting to @globex")).to_be_visible()


def test_an_address_that_leads_nowhere(page: Page, home: str, world: World, inspect: Inspect) -> None:
    page.goto(f"{home}/no/such/page")
    inspect(page)


def test_the_connected_apps(page: Page, home: str, world: World, chatgpt: App, inspect: Inspect) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    world.connect(
        world.alice, App.register(name="Claude Code", redirect_uri=LOOPBACK_CALLBACK), resource=GATEWAY, handle="globex"
    )
    page.goto(f"{home}/accounts/login/")
    sign_in(page, ALICE)
    expect(page.get_by_role("listitem", name="ChatGPT on @acme", exact=True)).to_be_visible()
    inspect(page)
    page.get_by_role("button", name="Disconnect ChatGPT from @acme", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Disconnect ChatGPT from @acme?")
    inspect(page)
