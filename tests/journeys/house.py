"""A whole site in this process: real services on SQLite, a held clock, cheap hashing; people act through HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from werkzeug.test import Client

from mes.app import Wired, create_site, open_ledger, wire
from mes.clock import Conductor
from mes.demo.cast import CAST, PASSWORD, employ
from mes.demo.client import DemoPerson
from mes.ids import SiteId
from mes.ledger.database import open_engine
from mes.migrations import upgrade
from mes.people.first_administrator import create_first_code
from mes.people.passwords import HashParameters
from mes.settings import Profile, SiteSettings, write
from mes.web.create import create_web

START = datetime(2026, 10, 5, 6, tzinfo=UTC)
CHEAP = HashParameters(1, 8, 1)


@dataclass
class House:
    """One site without processes."""

    settings: SiteSettings
    wired: Wired
    app: Flask
    conductor: Conductor
    first_code: str
    engine: Engine

    def close(self) -> None:
        """Close the site's files."""
        self.wired.close()
        self.engine.dispose()

    def person(self, user_name: str, name: str = "", password: str = PASSWORD) -> "InProcessPerson":
        """Return a person at a browser of their own."""
        return InProcessPerson(("localhost", 1), name, user_name, password, app=self.app)


class InProcessPerson(DemoPerson):
    """A person of the demo whose browser talks to the application without a socket."""

    def __init__(self, address: tuple[str, int], name: str, user_name: str, password: str, *, app: Flask) -> None:
        super().__init__(address, name, user_name, password)
        self._client: Client = app.test_client()

    def _exchange(self, method: str, path: str, form: Any) -> tuple[int, bytes, str]:
        headers = {"Accept": "application/json", "X-CSRF-Token": self._csrf}
        response = self._client.open(path, method=method, json=form, headers=headers)
        body = response.data
        response.close()
        return response.status_code, body, response.headers.get("Content-Type", "")


class HeldPace:
    """Virtual time that simply moves on: no device sends anything."""

    samples = 0

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    @property
    def now(self) -> datetime:
        """Return the virtual time."""
        return self._conductor.clock.now()

    def until(self, goal: datetime) -> None:
        """Move to `goal` if it lies ahead."""
        if goal > self.now:
            self._conductor.hand_over(goal)
            self._conductor.hold()

    def until_so(self, met: Callable[[], bool], step: timedelta, most: timedelta) -> None:
        """Move in steps until `met`."""
        limit = self.now + most
        while not met() and self.now < limit:
            self.until(self.now + step)

    def settle(self) -> None:
        """There is nothing to wait for."""


def build_house(folder: Path, **more: Any) -> House:
    """Make a fresh site in `folder`; `more` are further settings of it."""
    site, tz = SiteId("journey-site"), "Europe/Brussels"
    settings = SiteSettings(folder, site, tz, Profile.DEMO, simulated_clock=True, **more)
    write(settings)
    conductor = Conductor(settings.clock_path, START)
    engine = open_engine(settings.database)
    upgrade(engine)
    ledger = create_site(settings, engine, START)
    code = create_first_code(ledger, settings.keys_dir)
    ledger.close()
    wired = wire(settings, open_ledger(settings, engine), conductor.clock, CHEAP)
    app = create_web(wired.services)
    app.testing = True
    return House(settings, wired, app, conductor, code, engine)


def employed(house: House) -> dict[str, InProcessPerson]:
    """Employ the demo's cast, each with an own login and second factor."""
    made = employ(house.first_code, lambda name, user, password: house.person(user, name, password))
    assert len(made) == len(CAST) + 1
    return made
