"""The consent page at work: what it says by name, what it lets through, and that it needs no script."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from authserver.models import Connection
from handles.models import Handle, Membership
from tests.browser.conftest import ClientSite, sign_in
from tests.people import CALLBACK, LOOPBACK_CALLBACK, App, World, hosted

ALICE, BOB = "alice@example.com", "bob@example.com"
EVERYTHING = "mcp.connect skills.read links.read links.write site.deployments.read site.deployments.write"


def ask(page: Page, home: str, app: App, *, email: str = ALICE, **parameters: str | None) -> None:
    page.goto(home + app.authorize_url(**parameters))
    sign_in(page, email)
    expect(page.get_by_role("heading", level=1)).to_contain_text("wants to connect")


def press(page: Page, name: str) -> dict[str, str]:
    """Press a button of the consent page and return what the client is told."""
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_url("**/callback?*")
    expect(page.get_by_text("You are back")).to_be_visible()
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


# --- What it says, by the names that programs and screen readers look up


def test_the_page_names_the_asker_the_account_and_where_the_answer_goes(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    ask(page, home, chatgpt)
    expect(page.get_by_role("heading", level=1, name="ChatGPT wants to connect", exact=True)).to_be_visible()
    expect(page).to_have_title(re.compile("^ChatGPT wants to connect"))
    expect(page.get_by_text("Unverified", exact=True)).to_be_visible()
    expect(page.get_by_text("Signed in as alice@example.com")).to_be_visible()
    expect(page.get_by_role("term").first).to_have_text("You will be sent to")
    expect(page.get_by_role("definition").first).to_contain_text("chatgpt.com")
    expect(page.get_by_text(CALLBACK, exact=True)).to_be_hidden()
    page.get_by_text("Show the full address", exact=True).click()
    expect(page.get_by_text(CALLBACK, exact=True)).to_be_visible()


def test_handles_and_permissions_have_the_names_that_the_contract_promises(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    ask(page, home, chatgpt, scope=EVERYTHING)
    handles = page.get_by_role("group", name="Choose one handle", exact=True)
    expect(handles.get_by_role("radio", name="@acme Acme Inc. Owner", exact=True)).to_be_enabled()
    expect(handles.get_by_role("radio", checked=True)).to_have_count(0)
    permissions = page.get_by_role("group", name="ChatGPT will be able to", exact=True)
    change = permissions.get_by_role("checkbox", name=re.compile("Change$")).first
    expect(change).to_have_accessible_description("links.write")
    expect(change).to_be_checked()
    manage = permissions.get_by_role("checkbox", name=re.compile("Manage$")).first
    expect(manage).not_to_be_checked()
    expect(page.get_by_role("button", name="Allow", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()


def test_allow_and_cancel_are_equally_large(page: Page, home: str, world: World, chatgpt: App) -> None:
    ask(page, home, chatgpt)
    boxes = [page.get_by_role("button", name=name).bounding_box() for name in ("Cancel", "Allow")]
    assert boxes[0]
    assert boxes[1]
    assert (boxes[0]["width"], boxes[0]["height"], boxes[0]["y"]) == (
        boxes[1]["width"],
        boxes[1]["height"],
        boxes[1]["y"],
    )
    assert boxes[0]["x"] < boxes[1]["x"]


def test_the_loopback_note_is_there_for_programs_on_this_computer_and_for_nobody_else(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    ask(page, home, App.register(name="Claude Code", redirect_uri=LOOPBACK_CALLBACK))
    expect(page.get_by_role("note")).to_contain_text("port 33418")
    page.goto(home + chatgpt.authorize_url())
    expect(page.get_by_role("note")).not_to_contain_text("This app runs on this computer")


# --- What it refuses


def test_without_a_handle_nothing_is_sent(
    page: Page, home: str, world: World, app: App, client_site: ClientSite
) -> None:
    ask(page, home, app)
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("radio").first).to_be_focused()
    assert client_site.visits == []
    assert not Connection.objects.exists()


def test_enter_in_a_choice_does_not_answer_for_the_person(
    page: Page, home: str, world: World, app: App, client_site: ClientSite
) -> None:
    ask(page, home, app)
    page.get_by_role("radio").first.check()
    page.keyboard.press("Enter")
    page.get_by_role("checkbox").last.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    assert client_site.visits == []


def test_what_a_role_may_not_grant_cannot_be_ticked_for_that_handle(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    ask(page, home, chatgpt, email=BOB, scope=EVERYTHING)
    manage = page.get_by_role("checkbox", name=re.compile("Manage$")).first
    page.get_by_role("radio", name=re.compile("^@initech")).check()
    manage.check()
    page.get_by_role("radio", name=re.compile("^@acme")).check()
    expect(manage).to_be_disabled()
    expect(manage).not_to_be_checked()
    expect(manage).to_have_accessible_description(re.compile("of @acme can allow this"))
    page.get_by_role("radio", name=re.compile("^@initech")).check()
    expect(manage).to_be_checked()


def test_only_whoever_may_lack_the_role_is_told_that_it_is_needed(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    ask(page, home, chatgpt, scope=EVERYTHING)
    expect(page.get_by_text("Only an admin or owner")).to_have_count(0)
    page.get_by_role("button", name="Switch account").click()
    sign_in(page, BOB)
    expect(page.get_by_text("Only an admin or owner of the handle can allow this.").first).to_be_visible()


def test_cancel_tells_the_client_no_even_with_nothing_chosen(page: Page, home: str, world: World, app: App) -> None:
    ask(page, home, app)
    told = press(page, "Cancel")
    assert (told["error"], told["state"]) == ("access_denied", "state-1")
    assert not Connection.objects.exists()


def test_pressing_allow_twice_answers_once(
    page: Page, home: str, world: World, app: App, client_site: ClientSite
) -> None:
    ask(page, home, app, resource=hosted("acme"))
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Allow for @acme", exact=True).dblclick(no_wait_after=True)
    page.wait_for_url("**/callback?code=*")
    assert posts == [f"{home}/oauth/authorize"]
    assert len(client_site.visits) == 1


def test_after_the_answer_the_buttons_rest_and_the_page_says_what_happens(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    ask(page, home, chatgpt, resource=hosted("acme"))
    page.eval_on_selector("[data-consent]", "form => form.addEventListener('submit', event => event.preventDefault())")
    page.get_by_role("button", name="Allow for @acme").click()
    expect(page.get_by_role("status").filter(has_text="Connecting…")).to_be_visible()
    expect(page.get_by_role("button", name="Allow for @acme")).to_be_disabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()


# --- What it lets through


def test_choosing_a_handle_puts_its_name_on_the_button_and_allow_brings_the_code_to_the_client(
    page: Page, home: str, world: World, app: App, complaints: list[str]
) -> None:
    ask(page, home, app)
    page.get_by_role("radio", name=re.compile("^@globex")).check()
    expect(page.get_by_text("This connection stays on @globex.")).to_be_visible()
    told = press(page, "Allow for @globex")
    assert told["code"]
    assert told["state"] == "state-1"
    assert Connection.objects.get().handle.slug == "globex"
    assert complaints == []


def test_a_box_that_is_not_ticked_is_not_granted(page: Page, home: str, world: World, app: App) -> None:
    ask(page, home, app, resource=hosted("acme"), scope=EVERYTHING)
    page.get_by_role("checkbox", name=re.compile("Change$")).first.uncheck()
    told = press(page, "Allow for @acme")
    granted = app.exchange(told["code"]).json()["scope"].split()
    assert {"mcp.connect", "links.read"} <= set(granted)
    assert "links.write" not in granted


def test_the_page_works_without_script(browser: Browser, home: str, world: World, app: App) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        ask(page, home, app)
        page.get_by_role("radio", name=re.compile("^@acme")).check()
        assert press(page, "Allow")["code"]
    assert Connection.objects.get().handle.slug == "acme"


def test_a_client_that_opened_us_in_a_popup_gets_its_window_back(
    page: Page, home: str, world: World, app: App, client_site: ClientSite
) -> None:
    page.goto(client_site.origin)
    with page.expect_popup() as opened:
        page.evaluate("url => { window.open(url, 'connect', 'width=500,height=700') }", home + app.authorize_url())
    popup = opened.value
    sign_in(popup, ALICE)
    popup.get_by_role("radio", name=re.compile("^@acme")).check()
    press(popup, "Allow for @acme")
    assert popup.evaluate("window.opener !== null")


def test_switching_the_account_comes_back_to_the_same_request(
    page: Page, home: str, world: World, chatgpt: App
) -> None:
    ask(page, home, chatgpt)
    page.get_by_role("button", name="Switch account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to connect ChatGPT")
    sign_in(page, BOB)
    expect(page.get_by_text("Signed in as bob@example.com")).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("^@initech"))).to_be_visible()


# --- Many handles


@pytest.fixture
def many(world: World) -> None:
    for number in range(40):
        handle = Handle.objects.create(slug=f"team-{number}", display_name=f"Team number {number}")
        Membership.objects.create(user=world.alice.user, handle=handle, role="member")


def test_searching_the_handles_shows_what_matches_and_says_how_many(
    page: Page, home: str, world: World, many: None, chatgpt: App
) -> None:
    ask(page, home, chatgpt)
    picker = page.get_by_role("group", name="Choose one handle")
    search = page.get_by_role("searchbox", name="Search your handles")
    expect(picker.get_by_role("status")).to_have_text("42 handles shown")
    search.fill("GLOB")
    expect(picker.get_by_role("status")).to_have_text("1 handle shown")
    search.press("Enter")
    expect(page.get_by_role("radio", name=re.compile("^@globex"))).to_be_focused()
    page.keyboard.press("Space")
    search.fill("no such handle")
    expect(picker.get_by_role("status")).to_have_text("No handle matches")
    expect(page.get_by_role("radio", name=re.compile("^@globex"))).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(1)


def test_every_row_of_a_long_list_can_be_brought_into_view_whole(
    page: Page, home: str, world: World, many: None, chatgpt: App
) -> None:
    ask(page, home, chatgpt)
    rows = page.get_by_role("group", name="Choose one handle").get_by_role("listitem")
    assert min(row.bounding_box()["height"] for row in rows.all()) >= 44
    rows.last.scroll_into_view_if_needed()
    expect(rows.last).to_be_in_viewport(ratio=1)
