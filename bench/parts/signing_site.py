"""A demo site with real password hashing and many batches whose first step waits for its signature."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.parts.calling import Caller
from mes.app import create_site, open_ledger, wire
from mes.clock import Conductor
from mes.demo import setting
from mes.demo.cast import PASSWORD, employ
from mes.demo.figures import VALUES
from mes.demo.script import MASTER
from mes.ids import SiteId
from mes.ledger.database import open_engine
from mes.migrations import upgrade
from mes.people.first_administrator import create_first_code
from mes.settings import Profile, SiteSettings, write
from mes.web.create import create_web
from tests.journeys.house import InProcessPerson

START = datetime(2026, 10, 5, 6, tzinfo=UTC)
CLINICIANS = ("claire", "bram")
STEP = "A01"
WEIGHT, DOSE = {"value": "70.0", "unit": "kg"}, {"value": "1.0", "unit": "10*6{cells}/kg"}


def prepare_site(folder: Path, port: int, batches: int) -> None:
    """Make the site: people with production hashes, an approved master, and `batches` batches at their first step."""
    folder.mkdir(parents=True)
    settings = SiteSettings(folder, SiteId("bench-site"), "Europe/Brussels", simulated_clock=True, web_port=port,
                            profile=Profile.DEMO)  # fmt: skip
    write(settings)
    conductor = Conductor(settings.clock_path, START)
    engine = open_engine(settings.database)
    try:
        upgrade(engine)
        with closing(create_site(settings, engine, START)) as ledger:
            code = create_first_code(ledger, settings.keys_dir)
        with closing(wire(settings, open_ledger(settings, engine), conductor.clock)) as wired:
            app = create_web(wired.services)
            people = employ(
                code, lambda name, user, secret: InProcessPerson(("localhost", 1), name, user, secret, app=app)
            )
            setting.approve_master(people)
            for place in range(batches):
                _open_batch(people, place)
    finally:
        engine.dispose()


def _open_batch(people: dict[str, InProcessPerson], place: int) -> None:
    band, order, batch = f"90000{place:05d}", f"ORD-{place}", f"B-{place}"
    clinician = people["clinician"]
    patient = clinician.act("/api/patients", name=f"Testpatient {place}", birth_date="1961-04-12",
                            hospital_number=f"H-{place:07d}", wristband=band)["patient"]  # fmt: skip
    clinician.act("/api/orders", order=order, product=setting.PRODUCT, patient=patient, wristband=band,
                  weight=WEIGHT, dose=DOSE)  # fmt: skip
    people["qa"].act(f"/api/orders/{order}/accept", batch=batch, master=MASTER, version=1, binding="manual")
    clinician.act(f"/api/batches/{batch}/steps/{STEP}/start")


@dataclass
class Ours:
    """Clinicians who confirm and sign the first step of one batch after the other."""

    port: int
    callers: list[Caller]
    batches: Iterator[int]

    @classmethod
    def signed_in(cls, port: int, clients: int) -> "Ours":
        """Sign everybody in, and let each sign once with both components."""
        made = cls(port, [], iter(range(10_000)))
        for _, user_name in zip(range(clients), cycle(CLINICIANS), strict=False):
            caller = Caller(port, "X-CSRF-Token")
            caller.sign_in(user_name, PASSWORD)
            made.callers.append(caller)
            made._confirm(caller, user_name)
        return made

    def confirm(self, client: int) -> float:
        """Confirm one step with the password alone; return the seconds of the signed request."""
        return self._confirm(self.callers[client], "")

    def _confirm(self, caller: Caller, user_name: str) -> float:
        path = f"/api/batches/B-{next(self.batches)}/steps/{STEP}/perform"
        values = [
            {"parameter": name, "value": value, **({"unit": unit} if unit else {})}
            for name, (value, unit) in VALUES[STEP].items()
        ]
        form: dict[str, Any] = {"op": str(uuid4()), "values": values}
        status, asked, _ = caller.post(path, form)
        if status != 428 or ("user_name" in asked["facts"]["factors"]) != bool(user_name):
            raise RuntimeError(f"{path}: {status} {asked}")
        form["signature"] = {"password": PASSWORD, "shown": asked["facts"]["shown"]}
        if user_name:
            form["signature"]["user_name"] = user_name
        status, answer, seconds = caller.post(path, form)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer}")
        return seconds


@dataclass
class Peer:
    """The same act in the peer."""

    callers: list[Caller]
    steps: Iterator[int]

    @classmethod
    def signed_in(cls, port: int, clients: int) -> "Peer":
        """Sign everybody in."""
        callers = [Caller(port, "X-CSRFToken") for _ in range(clients)]
        for number, caller in enumerate(callers):
            caller.sign_in(f"p{number}", PASSWORD)
        return cls(callers, iter(range(1, 10_000)))

    def confirm(self, client: int) -> float:
        """Confirm one step with the password; return the seconds of the request."""
        values = [{"parameter": name, "value": value, "unit": unit} for name, (value, unit) in VALUES[STEP].items()]
        form = {"op": str(uuid4()), "values": values, "signature": {"password": PASSWORD}}
        status, answer, seconds = self.callers[client].post(f"/api/steps/{next(self.steps)}/confirm", form)
        if status != 200:
            raise RuntimeError(f"peer: {status} {answer}")
        return seconds
