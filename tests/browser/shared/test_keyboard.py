"""From the app to the answer with a keyboard alone, every step in reading order."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from authserver.models import Connection
from tests.browser.conftest import ClientSite
from tests.browser.scenes import Stage
from tests.browser.scenes.stage import WIDE
from tests.people import PASSWORD, App

MOST_STEPS = 60
# Where the focus went: on to something later on the page, and to something that can be seen.
STEP = """() => {
  const before = window.stoodAt, now = document.activeElement;
  window.stoodAt = now;
  const forward = !before || before === now || before === document.body ||
    Boolean(before.compareDocumentPosition(now) & Node.DOCUMENT_POSITION_FOLLOWING);
  return {forward, seen: now.checkVisibility(), what: now.outerHTML.slice(0, 120)};
}"""


def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the focus is on what is wanted. Each step leads forward and to something that is shown."""
    for _ in range(MOST_STEPS):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            page.evaluate(STEP)
            return
        page.keyboard.press("Tab")
        step = page.evaluate(STEP)
        assert step["forward"], f"the focus jumps back, to {step['what']}"
        assert step["seen"], f"the focus is out of sight, on {step['what']}"
    raise AssertionError(f"{MOST_STEPS} times Tab, and still not at {wanted}")


def test_a_connection_is_made_with_a_keyboard_alone(stage: Stage, client_site: ClientSite) -> None:
    page, app = stage.page, App.register(redirect_uri=client_site.callback)
    person = stage.guest(**{f"team-{number}": "owner" for number in range(12)})
    stage.open(app.authorize_url(scope=WIDE))
    tab_to(page, "[name=login]")
    page.keyboard.type(person.email)
    tab_to(page, "[name=password]")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("form[data-consent]").wait_for()

    tab_to(page, "form[action$='switch-account'] button")
    tab_to(page, ".destination summary")
    page.keyboard.press("Enter")
    expect(page.locator(".destination code")).to_be_visible()
    tab_to(page, "#handle-search")
    page.keyboard.type("team-1")
    page.keyboard.press("Enter")
    radios = page.locator("input[name=handle]:visible")
    expect(radios).to_have_count(3)  # team-1, team-10 and team-11
    expect(radios.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(radios.nth(1)).to_be_checked()
    handle = radios.nth(1).get_attribute("value")
    page.evaluate("() => { window.stoodAt = document.activeElement }")
    tab_to(page, "input[name=scope][value='links.write']")
    page.keyboard.press("Space")
    tab_to(page, "button[value=cancel]")
    tab_to(page, "button[value=allow]")
    expect(page.locator("button[value=allow]")).to_contain_text(f"@{handle}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/callback?code=*")
    connection = Connection.objects.get(user=person.user)
    assert connection.handle.slug == handle
    assert "links.read" in connection.scopes
    assert "links.write" not in connection.scopes
