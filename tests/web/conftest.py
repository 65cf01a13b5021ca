"""A site with one batch at its intake, people at browsers of their own, and what a test asks of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import Client, TestResponse

from mes.demo import script, setting
from mes.demo.acts import Playing, Who
from mes.demo.cast import PASSWORD
from tests.journeys.house import HeldPace, House, InProcessPerson, build_house, employed

BATCH = f"/api/batches/{script.BATCH}"
INTAKE = f"{BATCH}/steps/A06"
OPERATORS = Who("operator", "verifier")
PATIENT = "Testpatient Demo"
INTAKE_VALUES = {
    "bag_intact": ("yes", None), "volume": ("180.5", "mL"), "cd3_total": ("2.1", "10*9{cells}"),
    "wbc_total": ("8.4", "10*9{cells}"), "viability": ("97.9", "%"), "haematocrit": ("2.0", "%"),
}  # fmt: skip


@dataclass
class Browser:
    """One person's browser: cookies, the session's token, and where it says to come from."""

    client: Client
    csrf: str = ""

    def sign_in(self, user_name: str, password: str = PASSWORD) -> TestResponse:
        """Sign in and keep the token."""
        answer = self.client.post("/api/sign-in", json={"user_name": user_name, "password": password})
        self.csrf = (answer.json or {}).get("csrf", "")
        return answer

    def post(self, path: str, form: Any = None, **headers: str) -> TestResponse:
        """Post JSON as a program does, or bytes as they are."""
        told = {"X-CSRF-Token": self.csrf, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if isinstance(form, bytes):
            return self.client.post(path, data=form, content_type="application/json", headers=told)
        return self.client.post(path, json={"op": str(uuid4()), **(form or {})}, headers=told)

    def htmx(self, path: str, form: Mapping[str, str]) -> TestResponse:
        """Post a form as a page does."""
        told = {"X-CSRF-Token": self.csrf, "HX-Request": "true"}
        return self.client.post(path, data={"op": str(uuid4()), **form}, headers=told)

    def signed(self, path: str, form: Mapping[str, Any], password: str = PASSWORD, user_name: str = "") -> TestResponse:
        """Post, and post again with the signature that is asked for."""
        body = {"op": str(uuid4()), **form}
        asked = self.post(path, body)
        if asked.status_code != 428:
            return asked
        signature = {"password": password, "shown": asked.json["facts"]["shown"]}
        if "user_name" in asked.json["facts"]["factors"]:
            signature["user_name"] = user_name
        return self.post(path, {**body, "signature": signature})


@dataclass
class Site:
    """The site of these tests."""

    house: House
    people: Mapping[str, InProcessPerson]
    play: Playing

    @property
    def size(self) -> int:
        """Return how many entries the ledger has."""
        return self.house.wired.services.ledger.size

    def types_since(self, size: int) -> list[str]:
        """Return the types of the entries from `size` on."""
        return [entry.type for entry in self.house.wired.services.ledger.entries(size)]

    def browser(self, user_name: str = "") -> Browser:
        """Return a browser, signed in if a user is named."""
        made = Browser(self.house.app.test_client())
        if user_name:
            assert made.sign_in(user_name).status_code == 200
        return made


def values_of(**changed: tuple[str, str | None]) -> dict[str, Any]:
    """Return the form of the intake's values, some of them changed."""
    given = {**INTAKE_VALUES, **changed}
    return {
        "values": [
            {"parameter": name, "value": value, **({"unit": unit} if unit else {})}
            for name, (value, unit) in given.items()
        ]
    }


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site whose batch is at its intake: started and scanned, nothing confirmed. Tests leave it there."""
    house = build_house(tmp_path_factory.mktemp("web") / "site")
    people = employed(house)
    play = Playing(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "manual", None, None, play.pace.now)
    setting.open_batch(people, "manual")
    play.knows("wristband", script.WRISTBAND)
    script.collect_and_bring(play)
    play.begin("A06", OPERATORS)
    yield Site(house, people, play)
    house.wired.services.records.close()


@pytest.fixture
def operator(site: Site) -> Browser:
    """Give the operator's browser."""
    return site.browser("olivia")


@pytest.fixture
def nobody(site: Site) -> Browser:
    """Give a browser without a session."""
    return site.browser()
