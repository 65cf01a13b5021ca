"""A small site for these tests: ledger, journal, one registered device, and readings to send through them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from equipment_drivers.driver import Publish, SubscriptionState
from equipment_drivers.readings import Alarm, Gap, Origin, Reading, UnitState
from mes.clock import HeldClock
from mes.equipment.drain import Drain
from mes.equipment.fold import fold
from mes.equipment.journal import JournalWriter
from mes.equipment.journal_reader import JournalReader
from mes.equipment.model import Binding, EquipmentState, Registration
from mes.equipment.ports import DrainedAlarm, DrainedGap, DrainedOutcome, DrainedReading, RunKey
from mes.equipment.service import EquipmentService
from mes.equipment.tables import PROJECTION, stored
from mes.equipment.telemetry import Telemetry
from mes.equipment.ticks import ticks_of
from mes.equipment.writes import allocation_writes, release_writes
from mes.ids import BatchId, EquipmentId, RunId, new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.events import decode_event
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SITE = "site-one"
KEY = SiteKey(f"septima/{SITE}/1", bytes(range(32)))
DEVICE = EquipmentId("prodigy-1")
RUN, BATCH = RunId("B-1.R1"), BatchId("B-1")
ADMIN = Actor("person", "p-1", "Ada Verhoeven", "administrator", "T1")
QA = Actor("person", "p-2", "Jan de Wit", "qa", "T1")
SIGNED = {"meaning": "node map approved"}
PIN = "sha256:" + "ab" * 32
NODEMAP = Path(__file__).parents[2] / "equipment_drivers" / "nodemaps" / "prodigy_like.yaml"
OVER_OPCUA = Registration(
    "cell_processor", "prodigy_like", "SN-1", Binding.OPCUA, True, "opc.tcp://127.0.0.1:4840", "cd" * 32, PIN
)
BY_HAND = Registration("cell_processor", "Prodigy", "SN-2", Binding.MANUAL, False)


def at(minutes: float) -> datetime:
    """Return a time so many minutes after the site's beginning."""
    return NOW + timedelta(minutes=minutes)


def a_reading(tag: str, value: str, minutes: float, *, received: float | None = None, **more: object) -> Reading:
    """Return a Good reading, received when it was made unless told otherwise."""
    terms: dict[str, object] = {"unit": "", "status": 0, "subscription": 1, "sequence": 1, "item": 0}
    made = ticks_of(at(minutes))
    arrived = ticks_of(at(minutes if received is None else received))
    return Reading(tag, value, **{**terms, "source_time": made, "server_time": made, **more}, receive_time=arrived)


def a_tick(minutes: float, temperature: str = "37.0", **more: object) -> list[Reading]:
    """Return what the device samples at one tick; its clock comes last."""
    return [
        a_reading("culture.temperature", temperature, minutes, unit="Cel", **more),
        a_reading("device.clock", at(minutes).isoformat(), minutes, **more),
    ]


def a_session(**more: object) -> SubscriptionState:
    """Return what a driver asks to be kept."""
    terms: dict[str, object] = {
        "endpoint": "opc.tcp://127.0.0.1:4840", "nodemap": "ab" * 32, "session_id": "s", "authentication_token": "t",
        "server_nonce": "n", "subscription": 7, "generation": 1, "handles": {1: "culture.temperature"},
        "last_sequence": 3, "publishing_ms": 500.0, "keepalive_count": 10, "lifetime_count": 100,
        "session_timeout_ms": 1000.0,
    }  # fmt: skip
    return SubscriptionState(**{**terms, **more})


class Listening:
    """An observer that remembers what it was handed, and answers once with what it was told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, RunKey, object]] = []
        self.limit_celsius = 1000

    def on_readings(self, run: RunKey, readings: Sequence[DrainedReading], now: datetime) -> Sequence[Write]:
        self.heard += [("reading", run, one) for one in readings]
        hot = [one for one in readings if one.unit == "Cel" and one.value and one.value > self.limit_celsius]
        return [noted(run, "limit", str(hot[0].value))] if hot else []

    def on_alarm(self, run: RunKey, alarm: DrainedAlarm, now: datetime) -> Sequence[Write]:
        self.heard.append(("alarm", run, alarm))
        return [noted(run, "alarm", alarm.code)]

    def on_unit_state(self, run: RunKey, state: UnitState, at: datetime, now: datetime) -> Sequence[Write]:
        self.heard.append(("state", run, (state, at)))
        return []

    def on_command_outcome(self, run: RunKey, outcome: DrainedOutcome, now: datetime) -> Sequence[Write]:
        self.heard.append(("outcome", run, outcome))
        return []

    def on_gap(self, run: RunKey, gap: DrainedGap, now: datetime) -> Sequence[Write]:
        self.heard.append(("gap", run, gap))
        return []


def noted(run: RunKey, what: str, value: str) -> Write:
    """Return what these tests' observer says about a batch."""
    return Write(stream("batch", run.batch), (Draft("batch:test:noted", {"what": what, "value": value}),))


class House:
    """The parts of one site, as `mes serve` and `mes collect` would have them."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = HeldClock(NOW)
        self.service = EquipmentService(ledger, self.clock)
        self.writer = JournalWriter(folder / "collect.journal")
        self.reader = JournalReader(folder / "collect.journal")
        self.observer = Listening()
        self.drain = Drain(ledger, self.reader, self.observer)
        self.telemetry = Telemetry(ledger, SITE, self.reader)

    def a_fit_device(self, device: str = DEVICE) -> None:
        """Enter, approve and qualify a device."""
        nodemap = NODEMAP.read_bytes()
        state = self.service.register(device, OVER_OPCUA, nodemap=nodemap, by=ADMIN, op=new_op())
        digest = state.registration.nodemap
        self.service.approve_nodemap(device, digest, signature=SIGNED, by=QA, op=new_op())
        self.service.qualify(device, at(60 * 24 * 365), by=QA, op=new_op())

    def append(self, writes: Iterable[Write]) -> None:
        """Record an operation of the batches room."""
        self.ledger.append(new_op(), list(writes), actor=QA, now=self.clock.now())

    def allocate(self, minutes: float, run: str = RUN, batch: str = BATCH, device: str = DEVICE) -> None:
        """Give the device to a run at that minute."""
        self.append(allocation_writes(self.service.state(device), RunId(run), BatchId(batch), at(minutes)))

    def release(self, minutes: float, run: str = RUN, device: str = DEVICE) -> None:
        """Take the device back at that minute."""
        self.append(release_writes(self.service.state(device), RunId(run), at(minutes)))

    def send(self, *readings: Reading, alarms: Sequence[Alarm] = (), gaps: Sequence[Gap] = ()) -> int:
        """Let the collector commit one notification; return how many samples were new."""
        return self.writer.commit(DEVICE, Publish(readings, tuple(alarms), tuple(gaps)), None)

    def drain_all(self, minutes: float = 0, drain: Drain | None = None) -> int:
        """Step until there is nothing to do; return the number of steps."""
        steps = 0
        while (drain or self.drain).step(at(minutes)):
            steps += 1
            assert steps < 10_000
        return steps

    def facts(self, kind: str) -> list[dict[str, object]]:
        """Return the data of all entries of a type."""
        return [dict(entry.data) for entry in self.ledger.entries() if entry.type == kind]

    def folded(self, device: str = DEVICE) -> EquipmentState:
        """Return the device's state by folding its stream here."""
        entries = self.ledger.stream(stream("equipment", device))
        return fold(EquipmentId(device), [decode_event(one.type, one.tv, one.data) for one in entries])


@contextmanager
def a_house(folder: Path, url: str | None = None) -> Iterator[House]:
    """Set up a site in a folder; SQLite there unless another empty database is given."""
    metadata, projector = PROJECTION
    engine = open_engine(url or f"sqlite:///{folder / 'site.sqlite'}")
    with engine.begin() as connection:
        metadata.create_all(connection)
        stored.create_all(connection)
    terms = {"clock": "real", "software": "test", "projectors": [projector]}
    ledger = Ledger.create(engine, site=SITE, tz="Europe/Amsterdam", key=KEY, now=NOW, **terms)
    house = House(folder, ledger)
    try:
        yield house
    finally:
        house.writer.close()
        ledger.close()
        engine.dispose()


def an_alarm(code: str, minutes: float, *, event: str = "e-1", active: bool = True, message: str = "hot") -> Alarm:
    """Return one transition of an alarm."""
    return Alarm(code, event, message, 700, active, False, ticks_of(at(minutes)), ticks_of(at(minutes)))


HISTORY = Origin.HISTORY
