"""What the pages of a flow do for whoever makes a mistake, or came as somebody else."""

from playwright.sync_api import expect

from tests.browser.conftest import sign_in
from tests.browser.scenes import SCENES, Stage
from tests.people import App, hosted


def test_the_sign_in_page_of_a_flow_leads_nowhere_else(stage: Stage) -> None:
    SCENES["flow-sign-in"](stage)
    expect(stage.page.get_by_role("heading", level=1)).to_have_text("Sign in to connect ChatGPT")
    expect(stage.page.get_by_role("navigation")).to_have_count(0)


def test_a_refused_sign_in_says_so_first_and_keeps_the_address(stage: Stage) -> None:
    SCENES["account-sign-in-refused"](stage)
    expect(stage.page.get_by_role("alert")).to_be_focused()
    expect(stage.page.get_by_role("textbox", name="Email")).to_have_value("nobody@example.com")


def test_consent_that_comes_back_keeps_what_was_unticked(stage: Stage) -> None:
    SCENES["flow-consent-wrong"](stage)
    expect(stage.page.get_by_role("alert")).to_be_focused()
    expect(stage.page.locator("input[name=scope]:enabled").first).not_to_be_checked()


def test_whoever_does_not_belong_there_switches_the_account_and_comes_back(stage: Stage) -> None:
    page = stage.ask("bob", App.register(), resource=hosted("globex")).page
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not a member of @globex")
    page.get_by_role("button", name="Switch account").click()
    sign_in(page, "alice@example.com")
    expect(page.get_by_role("heading", level=2, name="Connecting to @globex")).to_be_visible()
