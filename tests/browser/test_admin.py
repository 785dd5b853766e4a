"""The Django admin in a real browser: its scripts run under our policy, and an act goes from the list to its event."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from authserver.models import Event, PersonalAccessToken
from tests.browser.conftest import sign_in
from tests.flows.tokens.holder import make_token
from tests.people import World


def test_an_administrator_adds_a_member_and_revokes_a_token(
    page: Page, home: str, world: World, complaints: list[str]
) -> None:
    make_token(world.bob.sign_in(), name="Nightly export")
    page.goto(f"{home}/admin/handles/membership/add/")
    sign_in(page, "admin@example.com")
    for field, typed in (("user", "carol@"), ("handle", "@acm")):
        page.locator(f".field-{field} .select2-selection").click()
        page.locator(".select2-search__field").fill(typed)
        page.locator(".select2-results__option--highlighted").click()
    page.get_by_label("Reason").fill("A new colleague")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    page.goto(f"{home}/admin/authserver/personalaccesstoken/?q=bob")
    page.get_by_label("Select this object for an action").check()
    page.locator("select[name=action]").select_option("Revoke selected")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_text("1 token will end")).to_be_visible()
    page.get_by_label("Reason").fill("Found in a log")
    page.get_by_role("button", name="Revoke", exact=True).click()
    page.get_by_role("link", name="See the events.").click()
    expect(page.get_by_text("personal_token:revoked")).to_be_visible()
    assert PersonalAccessToken.objects.get().ended_at is not None
    reasons = [event.detail["note"] for event in Event.objects.filter(actor="administrator").order_by("pk")]
    assert reasons == ["A new colleague", "Found in a log"]
    assert complaints == []
