"""A ward: one small site with people, a device and the services of execution, on a real ledger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from mes.batches import tables
from mes.batches.decide.orders import OrderRequest
from mes.batches.events import ForecastMade
from mes.batches.model import BatchState, Binding
from mes.batches.observer import BatchObserver
from mes.batches.ports import ScanVerdict
from mes.batches.service.acting import Acting
from mes.batches.service.corrections import CorrectionService
from mes.batches.service.device_run import DeviceRuns
from mes.batches.service.orders import Acceptance, OrderService
from mes.batches.service.problems import ProblemService
from mes.batches.service.recorder import Recorder
from mes.batches.service.steps import StepService
from mes.clock import HeldClock
from mes.equipment import tables as equipment_tables
from mes.equipment.model import Registration
from mes.equipment.service import EquipmentService
from mes.errors import Refusal
from mes.ids import Op, new_op
from mes.ledger.database import open_engine
from mes.ledger.entry import Entry
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.masters.model import Master
from mes.people import tables as people_tables
from mes.people.model import Role, Session
from mes.people.passwords import Hasher
from mes.people.second_factor import SecretBox
from mes.people.service import PeopleService
from mes.people.sessions import Sessions
from mes.people.training.model import Subject, SubjectKind
from mes.signatures.model import Credentials, SignaturePrompt
from mes.signatures.service import SigningService
from mes.units import Measure
from tests.batches.builders import T0, a_master
from tests.equipment import builders as devices
from tests.people.builders import CHEAP, PASSWORD, Wall
from tests.people.houses import House

DEVICE = "PRD-01"
STAFF: dict[str, tuple[Role, ...]] = {
    "claire": (Role.CLINICIAN,), "nora": (Role.COLLECTION_NURSE,), "olivia": (Role.OPERATOR,),
    "otto": (Role.OPERATOR,), "viktor": (Role.OPERATOR, Role.VERIFIER), "sofia": (Role.SUPERVISOR,),
    "quinn": (Role.QA,), "quirin": (Role.QA,),
}  # fmt: skip
PROJECTIONS = (people_tables.PROJECTION, equipment_tables.PROJECTION, tables.PROJECTION)


class Shelf:
    """Approved masters of a test; one that was superseded may still be read."""

    def __init__(self, *masters: Master) -> None:
        self._masters = {(one.id, one.version): one for one in masters}
        self.superseded: set[tuple[str, int]] = set()

    def approved(self, master_id: str, version: int) -> Master:
        found = self._masters.get((master_id, version))
        if found is None:
            raise Refusal("master-unknown", status=404, master=master_id, version=version)
        return found

    def startable(self, master_id: str, version: int) -> Master:
        if (master_id, version) in self.superseded:
            raise Refusal("master-superseded", master=master_id, version=version, by=version + 1)
        return self.approved(master_id, version)


class ByWord:
    """A scanner that knows the code `ours` and no other."""

    def match(self, expects: str, code: str, state: BatchState) -> ScanVerdict:
        return ScanVerdict(code == "ours", f"the bag called {code}")


@dataclass
class Foreseeing:
    """A forecaster that foresees the same after each step, or nothing."""

    sees: ForecastMade | None = None
    asked: list[str] = field(default_factory=list)

    def forecast(self, state: BatchState, after_step: str, now: Any) -> ForecastMade | None:
        self.asked.append(after_step)
        return replace(self.sees, after_step=after_step) if self.sees else None


@dataclass
class Ward:
    """The services of one site, and the sessions of its staff."""

    house: House
    engine: Engine
    shelf: Shelf
    forecaster: Foreseeing
    equipment: EquipmentService
    recorder: Recorder
    orders: OrderService
    steps: StepService
    problems: ProblemService
    corrections: CorrectionService
    observer: BatchObserver
    sessions: dict[str, Session] = field(default_factory=dict)

    def acting(self, user: str, op: Op | None = None, reason: str | None = None) -> Acting:
        """Return an act without any secret."""
        return Acting(self.sessions[user], op or new_op(), None, reason)

    def signed(self, acting: Acting, prompt: SignaturePrompt, password: str = PASSWORD) -> Acting:
        """Return the act with what its prompt asks for."""
        user = acting.session.person.user_name
        self.house.wall.now += 60  # an authenticator's code is good once
        totp = self.house.code(user) if "totp" in prompt.factors else None
        return replace(acting, credentials=Credentials(user, password, totp, prompt.shown.digest))

    def does(
        self, user: str, act: Callable[..., Any], *given: Any, op: Op | None = None, reason: str | None = None,
        **named: Any,
    ) -> Any:  # fmt: skip
        """Let a person act, and sign where the act asks for it."""
        acting = self.acting(user, op, reason)
        try:
            return act(acting, *given, **named)
        except SignaturePrompt as prompt:
            return act(self.signed(acting, prompt), *given, **named)

    def a_batch(self, batch: str = "B1", order: str = "O1", binding: Binding = Binding.MANUAL) -> BatchState:
        """Place and accept an order."""
        self.does("claire", self.orders.place, order, ORDERED)
        how = Acceptance(batch, "test", 1, binding, simulated=binding is Binding.OPCUA)
        state: BatchState = self.does("quinn", self.orders.accept, order, how)
        return state

    def types(self, batch: str = "B1") -> list[str]:
        """Return the types of the batch's entries."""
        return [entry.type for entry in self.entries(batch)]

    def entries(self, batch: str = "B1") -> list[Entry]:
        """Return the batch's entries."""
        return self.house.ledger.stream(self.recorder.load(batch).stream)

    def row(self, batch: str = "B1") -> tables.BatchRow:
        """Return the batch as the list shows it."""
        with self.house.ledger.read() as connection:
            return next(one for one in tables.batches(connection, "site-a") if one.batch == batch)


ORDERED = OrderRequest("TEST", "P-1", "ab" * 32, Measure.of("70", "kg"), Measure.of("1.0", "10*6{cells}/kg"))


def refuses(code: str, act: Callable[..., Any], *given: Any, **named: Any) -> Refusal:
    """Do what must be refused, and return the refusal."""
    with pytest.raises(Refusal) as refused:
        act(*given, **named)
    assert refused.value.code == code, str(refused.value)
    return refused.value


@dataclass
class Badges:
    """What the staff of a founded site carry: sessions, second factors, and the wall time they were made at."""

    sessions: dict[str, Session]
    secrets: dict[str, bytes]
    wall_s: float


def found_site(folder: Path) -> Badges:
    """Found a site with its staff in `folder`, once; tests enter copies of it."""
    engine = _engine(folder)
    for metadata in (*(one for one, _ in PROJECTIONS), people_tables.CREDENTIALS, equipment_tables.stored):
        metadata.create_all(engine)
    key = SiteKey.create(folder / "keys/site.key", "septima/site-a/1")
    ledger = Ledger.create(engine, now=T0, key=key, clock="simulated", software="septima test", **TERMS)
    SecretBox.create(folder / "keys/credentials.key")
    with _peopled(folder, engine, ledger, Wall()) as house:
        sessions = {}
        for user, roles in STAFF.items():
            house.employ(user, *roles, totp=Role.QA in roles)
            sessions[user] = house.signed_in(user)
        master = a_master()
        house.train(house.people.people(), Subject(SubjectKind.MASTER, master.id, master.version))
        return Badges(sessions, house.secrets, house.wall.now)


@contextmanager
def open_ward(folder: Path, badges: Badges, master: Master | None = None) -> Iterator[Ward]:
    """Enter a copy of a founded site and close everything that was opened."""
    engine = _engine(folder)
    ledger = Ledger.open(engine, key=SiteKey.load(folder / "keys/site.key"), **TERMS)
    with _peopled(folder, engine, ledger, Wall(badges.wall_s)) as house:
        house.secrets = dict(badges.secrets)
        ward = _wired(house, engine, Shelf(master or a_master()))
        ward.sessions = dict(badges.sessions)
        yield ward


TERMS: dict[str, Any] = {
    "site": "site-a", "tz": "Europe/Brussels", "projectors": [project for _, project in PROJECTIONS],
}  # fmt: skip


def _engine(folder: Path) -> Engine:
    return open_engine(f"sqlite:///{folder / 'site.sqlite'}")


@contextmanager
def _peopled(folder: Path, engine: Engine, ledger: Ledger, wall: Wall) -> Iterator[House]:
    clock, sessions = HeldClock(T0), Sessions(folder / "sessions.sqlite", wall=wall)
    hasher, box = Hasher(CHEAP), SecretBox.load(folder / "keys/credentials.key")
    people = PeopleService(ledger, clock, sessions, hasher, box)
    signing = SigningService(ledger, people)
    try:
        yield House(ledger, clock, wall, sessions, hasher, box, people, signing, folder)
    finally:
        sessions.close()
        ledger.close()
        engine.dispose()


def _wired(house: House, engine: Engine, shelf: Shelf) -> Ward:
    foreseeing = Foreseeing()
    recorder = Recorder(house.ledger, house.clock, shelf, house.signing, foreseeing)
    equipment = EquipmentService(house.ledger, house.clock)
    runs = DeviceRuns(equipment)
    numbers = iter(range(1, 1000))
    orders = OrderService(recorder, shelf, house.signing, lambda: f"COI-{next(numbers)}")
    return Ward(
        house, engine, shelf, foreseeing, equipment, recorder, orders, StepService(recorder, runs, ByWord()),
        ProblemService(recorder), CorrectionService(recorder), BatchObserver(recorder, runs),
    )  # fmt: skip


def with_device(ward: Ward, binding: Binding = Binding.MANUAL, device: str = DEVICE) -> None:
    """Enter a device and declare it fit."""
    over_opcua = binding is Binding.OPCUA
    wanted: Registration = devices.OVER_OPCUA if over_opcua else devices.BY_HAND
    body = devices.NODEMAP.read_bytes() if over_opcua else None
    state = ward.equipment.register(device, wanted, nodemap=body, by=devices.ADMIN, op=new_op())
    if over_opcua:
        digest = state.registration.nodemap
        ward.equipment.approve_nodemap(device, digest, signature=devices.SIGNED, by=devices.QA, op=new_op())
    ward.equipment.qualify(device, T0.replace(year=T0.year + 1), by=devices.QA, op=new_op())
