"""A person of the demo at a real browser: goes to the page that asks, fills it in, signs, waits for it to come back."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Response

from mes.demo.client import DemoPerson, Unexpected
from tests.journeys.browser_form import Form, find_form

BATCH = re.compile(r"^/api/batches/([^/]+)/(.+)$")
PAGES = (
    (r"steps/([^/]+)/\w[\w-]*", "/batches/{batch}/steps/{0}"),
    (r"(?:exceptions|deviations)/.*|hold|resume|report", "/batches/{batch}"),
    (r"reviews|certify|refuse|release", "/batches/{batch}/release"),
    (r"records", "/batches/{batch}/record"),
    (r"trail/\w+", "/batches/{batch}/trail"),
)
ELSEWHERE = (
    (r"/api/masters(/.*)?", "/masters"), (r"/api/patients", "/orders/new"), (r"/api/orders/[^/]+/accept", "/orders"),
    (r"/api/equipment/.*", "/equipment"), (r"/api/me/.*", "/me"), (r"/api/training(/.*)?", "/training"),
)  # fmt: skip
HIDDEN = re.compile(r'<input type="hidden" name="([\w.]+)" value="([^"]*)"')
LEFT = "document.documentElement.dataset.left = 'yes'"


class BrowserPerson(DemoPerson):
    """Somebody whose acts are keystrokes and clicks; their authenticator is that of the account's owner."""

    def __init__(self, page: Page, owner: DemoPerson) -> None:
        super().__init__(owner.address, owner.name, owner.user_name, owner.password)
        self.page = page
        self.owner = owner
        self.id = owner.id

    def code(self) -> str:
        """Read the next one-time code from the authenticator."""
        return self.owner.code()

    def sign_in(self) -> Mapping[str, Any]:
        """Sign in by the form."""
        self.go("/sign-in")
        self.page.fill("main [name=user_name]", self.user_name)
        self.page.fill("main [name=password]", self.password)
        self._back(lambda: self.page.click("main button[type=submit]"))
        return {}

    def get(self, path: str) -> Any:
        """Read what the site tells programs, with this browser's session."""
        answer = self.page.request.get(path)
        assert answer.ok, f"{path}: {answer.status}"
        return answer.json()

    def act(self, path: str, **form: Any) -> Mapping[str, Any]:
        """Do something on the page that asks for it, signing if it is to be signed; Unexpected if refused.

        Returns the fields that the page then knows, e.g. the reference of a patient just kept.
        """
        answer = self.hand_in(path, **form)
        if answer.status == 428:
            answer = self.sign(path)
        if answer.status >= 400:
            raise Unexpected(self.name, path, answer.status, self.refusal())
        return self._after(answer)

    def hand_in(self, path: str, **form: Any) -> Response:
        """Fill in the form for `path` and press its button; leaves what appears on the screen."""
        told = {name: value for name, value in form.items() if value is not None}
        found = self.find(path, told)
        found.fill(told)
        return self._posted(path, found.send)

    def sign(self, path: str, password: str | None = None) -> Response:
        """Answer the signing dialog with what it asks for."""
        dialog = self.dialog("signing")
        for name, value in (("user_name", self.user_name), ("password", password or self.password)):
            for field in dialog.locator(f"[name='signature.{name}']").all():
                field.fill(value)
        for field in dialog.locator("[name='signature.totp']").all():
            field.fill(self.code())
        return self._posted(path, dialog.locator("button[type=submit]").click)

    def dialog(self, kind: str) -> Locator:
        """Wait for an open dialog of a kind: signing, message, mismatch, match."""
        found = self.page.locator(f"dialog.{kind}[open]")
        found.wait_for()
        return found

    def closes(self, dialog: Locator, *, comes_back: bool = False) -> None:
        """Press the button that closes a dialog, and wait for the page if it comes back by itself."""
        press = dialog.locator("[data-close]").click
        if comes_back:
            self._back(press)
        else:
            press()
            dialog.wait_for(state="hidden")

    def refusal(self) -> dict[str, str]:
        """Return code and sentence of the refusal on the screen."""
        told = self.page.locator("dialog[open][data-code], #signing-answer [data-code]").last
        told.wait_for()
        return {"code": str(told.get_attribute("data-code")), "text": told.inner_text()}

    def go(self, path: str) -> None:
        """Open a page; it must answer."""
        answer = self.page.goto(path, wait_until="domcontentloaded")
        assert answer is not None
        assert answer.ok, f"{self.name} at {path}: {answer.status}"

    def find(self, path: str, told: Mapping[str, Any]) -> Form:
        """Return the form for `path`, on the page in front or on the one where a person would look for it."""
        looked = []
        for place in (None, *self._places(path, told)):
            if place is not None:
                self.go(place)
            found = find_form(self.page, path, told)
            if found is not None:
                return found
            looked.append(self.page.url)
        raise AssertionError(f"{self.name} finds no form for {path} on {looked}: {self.page.inner_text('main')[:600]}")

    def _places(self, path: str, told: Mapping[str, Any]) -> Iterator[str]:
        of_batch = BATCH.match(path)
        if of_batch is None:
            yield from (page for pattern, page in ELSEWHERE if re.fullmatch(pattern, path))
            return
        batch, act = of_batch.groups()
        for pattern, page in PAGES:
            if found := re.fullmatch(pattern, act):
                yield page.format(*found.groups(), batch=batch)
                return
        if "step" in told:
            yield f"/batches/{batch}/steps/{told['step']}"
        self.go(f"/batches/{batch}")
        yield from self.page.locator("ul.now a").evaluate_all("links => links.map(one => one.getAttribute('href'))")
        yield f"/batches/{batch}/release"

    def _posted(self, path: str, press: Any) -> Response:
        self.page.evaluate(LEFT)
        with self.page.expect_response(
            lambda answer: answer.request.method == "POST" and urlsplit(answer.url).path == path
        ) as caught:
            press()
        return caught.value

    def _after(self, answer: Response) -> dict[str, str]:
        """Wait until the page has come back, if it is told to; a match shows itself and then goes on."""
        if {"hx-refresh", "hx-redirect"} & set(answer.headers):
            self._came_back()
            return {}
        body = answer.text()
        if 'class="verdict match"' in body:
            self.dialog("match")
            self.go(urlsplit(self.page.url).path)
        return {name: html.unescape(value) for name, value in HIDDEN.findall(body)}

    def _back(self, press: Any) -> None:
        self.page.evaluate(LEFT)
        press()
        self._came_back()

    def _came_back(self) -> None:
        self.page.locator("html:not([data-left])").wait_for(state="attached")
        self.page.wait_for_load_state("domcontentloaded")
