"""A person with a real Chromium, who finds everything on the pages by its accessible name."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect


class Person:
    """Somebody of the demo world in a browser profile of their own."""

    def __init__(self, browser: Browser, ready: dict, email: str) -> None:
        self.email, self._issuer = email, ready["issuer"]
        self._password = next(person["password"] for person in ready["people"] if person["email"] == email)
        self._context = browser.new_context()

    def close(self) -> None:
        self._context.close()

    def opens(self, address: str) -> Page:
        """Open an address in a new tab; sign in where the page asks for it."""
        page = self._context.new_page()
        page.goto(address)
        if "/accounts/login" in page.url:
            page.get_by_role("textbox", name="Email").fill(self.email)
            page.get_by_role("textbox", name="Password").fill(self._password)
            page.get_by_role("button", name="Sign in").click()
        return page

    def allows(self, authorize_url: str, *, handle: str | None = None) -> None:
        """Answer a consent page. `handle` is chosen on the gateway; elsewhere the address has chosen it."""
        page = self.opens(authorize_url)
        expect(page.get_by_role("heading", level=1)).to_contain_text("wants to connect")
        if handle:
            page.get_by_role("group", name="Choose one handle").get_by_role("radio", name=f"@{handle}").check()
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url(lambda address: not address.startswith(self._issuer))
        page.close()

    def disconnects(self, client: str, *, handle: str) -> None:
        """End a connection on the page of connected apps."""
        page = self.opens(f"{self._issuer}/connections")
        page.get_by_role("button", name=f"Disconnect {client} from @{handle}").click()
        page.get_by_role("button", name="Disconnect", exact=True).click()
        expect(page.get_by_role("button", name=f"Disconnect {client} from @{handle}")).to_have_count(0)
        page.close()
