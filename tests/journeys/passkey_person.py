"""A person at a real browser with an authenticator of their own: Chromium's virtual one, by its protocol for tests."""

from typing import Any

from playwright.sync_api import Page, Response

from mes.demo.client import DemoPerson
from tests.journeys.browser_person import BrowserPerson

DEVICE = {
    "protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


class PasskeyPerson(BrowserPerson):
    """Signs by passkey where the dialog offers it."""

    def __init__(self, page: Page, owner: DemoPerson) -> None:
        super().__init__(page, owner)
        self._device = page.context.new_cdp_session(page)
        self._device.send("WebAuthn.enable")
        self._id = self._device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]

    def verifies(self, is_verified: bool) -> None:
        """Let the authenticator recognise its user, or not."""
        self._device.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": is_verified}
        )  # fmt: skip

    def credentials(self) -> list[dict[str, Any]]:
        """Return what the authenticator holds."""
        held: list[dict[str, Any]] = self._device.send("WebAuthn.getCredentials", {"authenticatorId": self._id})[
            "credentials"
        ]
        return held

    def enrol_passkey(self, name: str) -> None:
        """Enrol a passkey on one's own page."""
        self.go("/me")
        self.page.fill("#pk-password", self.password)
        self._posted("/api/me/passkeys/begin", self.page.locator("#passkey-made button[type=submit]").click)
        self.page.fill("#pk-name", name)
        made = self._posted("/api/me/passkeys", self.page.locator("[data-passkey-create]").click)
        assert made.ok, made.text()
        self._came_back()

    def sign(self, path: str, password: str | None = None) -> Response:
        """Answer the signing dialog by passkey, unless a password is given."""
        dialog = self.dialog("signing")
        if password is not None or not dialog.locator("[data-passkey-sign]").count():
            return super().sign(path, password)
        for field in dialog.locator("[name='signature.user_name']").all():
            field.fill(self.user_name)
        return self._posted(path, dialog.locator("[data-passkey-sign]").click)
