"""The play in browsers: the house served to them, a browser for everybody, and what goes wrong at the intake."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, Locator
from werkzeug.serving import WSGIRequestHandler, make_server

from mes.demo import script
from mes.demo.acts import Playing, Who
from mes.demo.client import DemoPerson
from mes.demo.figures import VALUES
from mes.identity.codes import bag_code
from tests.browser import open_page
from tests.journeys.browser_person import BrowserPerson
from tests.journeys.house import House, InProcessPerson

INTAKE = "A06"
FOREIGN_BAG = bag_code("B-OTHER.A1", "CHA99992699999Z")
COLOUR = "one => getComputedStyle(one).backgroundColor"


class Quiet(WSGIRequestHandler):
    """Serves without a line per request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def served(house: House, port: int = 0) -> Iterator[str]:
    """Serve the house on a port of this machine (a free one), to several browsers at a time."""
    server = make_server("127.0.0.1", port, house.app, threaded=True, request_handler=Quiet)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def at_browsers(
    browser: Browser, address: str, people: Mapping[str, InProcessPerson]
) -> Iterator[dict[str, DemoPerson]]:
    """Give everybody but the administrator a browser of their own, signed in; a script error fails at the end."""
    with ExitStack() as stack:
        found: dict[str, DemoPerson] = dict(people)
        for key in people.keys() - {"admin"}:
            page = stack.enter_context(open_page(browser, address))
            person = BrowserPerson(page, people[key])
            person.sign_in()
            found[key] = person
        yield found


@dataclass(frozen=True)
class Screen:
    """What somebody saw: the words, how much of the screen they took, in which colour, and what stayed typed."""

    text: str
    share: float = 0.0
    colour: str = ""
    typed: str = ""
    step_state: str = ""


class BrowserJourney(Playing):
    """The demo's play; at the intake a wrong bag, a comma and a wrong password come first."""

    seen: dict[str, Screen]

    def record(self, step: str, who: Who) -> None:
        """At the intake, scan another patient's bag before the right one."""
        if step == INTAKE:
            self.seen = {"wrong bag": self.operator_scans_bag(who.performs, FOREIGN_BAG)}
        super().record(step, who)

    def finish(self, step: str, who: Who) -> None:
        """At the intake, type a comma and then a wrong password before confirming properly."""
        if step == INTAKE:
            self.seen["comma"] = self.operator_types_a_comma(who.performs)
            self.seen["wrong password"] = self.operator_signs_wrongly(who.performs)
        super().finish(step, who)

    def operator_scans_bag(self, key: str, code: str) -> Screen:
        """Scan a code that is not this patient's, and look at the screen; then say that one has stopped."""
        person = self.at(key)
        person.hand_in(self.path(INTAKE, "scan"), scan="bag", code=code)
        verdict = person.dialog("mismatch")
        seen = Screen(verdict.inner_text(), share_of_screen(verdict), verdict.evaluate(COLOUR))
        person.closes(verdict, comes_back=True)
        return self._with_state(seen)

    def operator_types_a_comma(self, key: str) -> Screen:
        """Confirm with a decimal comma, and look at message and form."""
        person = self.at(key)
        answer = person.hand_in(self.path(INTAKE, "perform"), values=intake_values(volume="180,5"))
        if answer.status == 428:
            answer = person.sign(self.path(INTAKE, "perform"))
        assert answer.status == 422
        text = person.refusal()["text"]
        for dialog in person.page.locator("dialog[open]").all():
            person.closes(dialog)
        return self._with_state(Screen(text, typed=typed(person)["volume"]))

    def operator_signs_wrongly(self, key: str) -> Screen:
        """Confirm with a wrong password, and look at the signing dialog; then cancel."""
        person, path = self.at(key), self.path(INTAKE, "perform")
        assert person.hand_in(path, values=intake_values()).status == 428
        assert person.sign(path, password="not my password").status == 401
        seen = Screen(person.dialog("signing").locator("#signing-answer").inner_text())
        person.closes(person.dialog("signing"))
        return self._with_state(seen)

    def at(self, key: str) -> BrowserPerson:
        """Return somebody at their browser."""
        person = self.people[key]
        assert isinstance(person, BrowserPerson)
        return person

    def _with_state(self, seen: Screen) -> Screen:
        return Screen(seen.text, seen.share, seen.colour, seen.typed, self.step(INTAKE)["state"])


def intake_values(**other: str) -> list[dict[str, Any]]:
    """Return the values of the intake, some of them typed otherwise."""
    figures = {name: (other.get(name, value), unit) for name, (value, unit) in VALUES[INTAKE].items()}
    return [
        {"parameter": name, "value": value, **({"unit": unit} if unit else {})}
        for name, (value, unit) in figures.items()
    ]


def typed(person: BrowserPerson) -> dict[str, str]:
    """Return by parameter what stands in the form for values."""
    found = person.find(f"/api/batches/{script.BATCH}/steps/{INTAKE}/perform", {})
    fields = {one.name: one.value for one in found.controls if one.kind in ("text", "hidden")}
    rows = [name for name in fields if name.endswith(".parameter")]
    return {fields[row]: fields.get(row.replace(".parameter", ".value"), "") for row in rows}


def share_of_screen(place: Locator) -> float:
    """Return which part of the screen something covers."""
    box, screen = place.bounding_box(), place.page.viewport_size
    assert box is not None
    assert screen is not None
    return box["width"] * box["height"] / (screen["width"] * screen["height"])
