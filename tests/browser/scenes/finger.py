"""A person's finger on the sensor of their computer: Chromium's virtual authenticator."""

from __future__ import annotations

from playwright.sync_api import Page

OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Finger:
    """The person's finger on the sensor: there, or not."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})
        self.which = {"authenticatorId": made["authenticatorId"]}

    def rest(self, there: bool) -> None:
        self.session.send("WebAuthn.setAutomaticPresenceSimulation", self.which | {"enabled": there})
