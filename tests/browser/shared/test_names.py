"""The names on pages that programs and screen readers look up: a promise, in English, of both kinds of sign-in page, of
consent, and of what is connected."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.scenes import SCENES, Stage
from tests.browser.scenes.stage import WIDE, connected, only_handle
from tests.people import LOOPBACK_CALLBACK, App


def test_names_of_the_sign_in_page(stage: Stage) -> None:
    SCENES["flow-sign-in"](stage)
    page = stage.page
    expect(page.get_by_role("heading", level=1, name="Sign in to connect ChatGPT", exact=True)).to_be_visible()
    for name in ("Email", "Password"):
        expect(page.get_by_role("textbox", name=name, exact=True)).to_be_editable()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()


@pytest.mark.covers("screen:C12")
def test_names_of_the_consent_page(stage: Stage) -> None:
    person = stage.guest(**{f"team-{number}": "owner" for number in range(12)})
    page = stage.ask(person, App.register("Claude Code", LOOPBACK_CALLBACK), scope=WIDE).page
    expect(page.get_by_role("heading", level=1, name="Claude Code wants to connect", exact=True)).to_be_visible()
    expect(
        page.get_by_role("note").filter(has_text=re.compile(r"^\s*This app runs on this computer\."))
    ).to_be_visible()
    expect(page.get_by_role("term").filter(has_text="You will be sent to")).to_have_count(1)
    expect(page.get_by_text("Show the full address", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Switch account", exact=True)).to_be_visible()
    handles = page.get_by_role("group", name="Choose one handle", exact=True)
    page.get_by_role("searchbox", name="Search your handles", exact=True).fill("team-1")
    expect(page.get_by_role("status").filter(has_text="3 handles shown")).to_be_visible()
    radio = handles.get_by_role("radio", name=re.compile(r"^@team-11-\d+ Team 11 Owner$"))
    permissions = page.get_by_role("group", name="Claude Code will be able to", exact=True)
    change = permissions.get_by_role("checkbox", name="Create and edit links Change", exact=True)
    expect(change).to_have_accessible_description("links.write")
    for name in ("Allow", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    radio.check()
    expect(page.get_by_role("button", name=re.compile(r"^Allow for @team-11-\d+$"))).to_be_visible()


def test_names_of_what_is_connected(stage: Stage) -> None:
    person = stage.guest(studio="owner")
    connected(stage, person)
    stage.world.connect(person, App.register("Claude"), handle=only_handle(person).slug)  # "all" are two
    page, handle = stage.sign_in(person).open("/connections").page, only_handle(person).slug
    expect(page.get_by_role("listitem", name=f"ChatGPT on @{handle}", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=f"Disconnect ChatGPT from @{handle}", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Disconnect all", exact=True)).to_be_visible()
