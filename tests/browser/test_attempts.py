"""The page of an attempt goes on by itself while somebody looks, and stops when nothing more comes."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from authserver import policy
from authserver.models import TraceStep
from authserver.services.trace import notes
from tests.browser.conftest import sign_in
from tests.people import App, World, answer_of


def test_new_steps_appear_without_reloading_and_are_told(page: Page, home: str, world: World, chatgpt: App) -> None:
    asked = world.alice.open(chatgpt.authorize_url())
    notes.flush()
    page.goto(f"{home}/attempts/{TraceStep.objects.latest('pk').request_id}")
    sign_in(page, "alice@example.com")
    verdict = page.locator("[data-verdict]")
    expect(verdict).to_contain_text("Nobody has pressed Allow or Cancel yet")
    expect(page.get_by_role("link", name="Reload")).to_be_hidden()
    code = answer_of(world.alice.decide(asked, handle="acme"))["code"]
    notes.flush()
    expect(verdict).to_contain_text("has not come back with the code yet")
    expect(page.locator("[data-live-told]")).to_contain_text("has not come back with the code yet")
    chatgpt.exchange(code, code_verifier="w" * 43)
    notes.flush()
    expect(verdict).to_contain_text("a PKCE verifier that does not fit")
    expect(page.get_by_text("Stopped")).to_be_visible()
    TraceStep.objects.update(at=TraceStep.objects.latest("pk").at - 2 * policy.TRACE_PATIENCE)
    expect(page.get_by_role("link", name="Reload")).to_be_visible()
