"""The clock: jumps are recorded, a large one stops signing and nothing else, and nobody sets it through Septima."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mes.clock import HeldClock
from mes.errors import Refusal
from mes.ids import new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.keys import SiteKey
from mes.ledger.site_events import ClockTrusted
from mes.ledger.store import Ledger
from mes.site_process.clock_watch import LOOK_S, ClockWatch, Reading, kernel_reading

NOW = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
GOOD, LOST = Reading(True, 0.01), Reading(False, 16.0)


class Machine:
    """Wall time, monotonic time, and what the kernel says."""

    def __init__(self) -> None:
        self.wall_s, self.monotonic_s, self.reading = 1_000_000.0, 50.0, GOOD

    def pass_(self, seconds: float, jump: float = 0.0) -> None:
        self.monotonic_s += seconds
        self.wall_s += seconds + jump


@pytest.fixture
def ledger(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'site.sqlite'}")
    key = SiteKey.create(tmp_path / "keys/site.key", "septima/site-a/1")
    made = Ledger.create(engine, site="site-a", tz="Europe/Brussels", key=key, now=NOW, clock="real", software="test")
    yield made
    made.close()
    engine.dispose()


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def watch(ledger, machine):
    made = ClockWatch(
        ledger, HeldClock(NOW), read=lambda: machine.reading,
        monotonic=lambda: machine.monotonic_s, wall=lambda: machine.wall_s,
    )  # fmt: skip
    made.step()
    return made


def drifts(ledger):
    return [
        (entry.data["kind"], entry.data["seconds"]) for entry in ledger.entries() if entry.type == "site:clock:drifted"
    ]


@pytest.mark.rule("REG-DI-02", "FLT-17")
@pytest.mark.parametrize("jump", [0.0, 0.5, -1.9, 1.99])
def test_a_clock_that_walks_is_left_alone(ledger, machine, watch, jump):
    for _ in range(5):
        machine.pass_(LOOK_S, jump / 5)
        watch.step()
    assert drifts(ledger) == []
    watch.check()


@pytest.mark.rule("REG-DI-02", "FLT-17", negative=True)
@pytest.mark.parametrize(
    ("jump", "told", "is_trusted"),
    [(2.5, "2.500", True), (-2.5, "-2.500", True), (59.0, "59.000", True), (61.0, "61.000", False),
     (-7200.0, "-7200.000", False), (86_400.0, "86400.000", False)],
)  # fmt: skip
def test_a_jump_is_recorded_and_a_large_one_stops_signing(ledger, machine, watch, jump, told, is_trusted):
    machine.reading = LOST
    machine.pass_(LOOK_S)
    watch.step()
    machine.pass_(LOOK_S, jump)
    watch.step()
    assert drifts(ledger) == [("unsynchronised", "16.000"), ("step", told)]
    if is_trusted:
        watch.check()
        return
    with pytest.raises(Refusal) as refused:
        watch.check()
    assert (refused.value.code, refused.value.facts) == ("clock-untrusted", {"seconds": round(jump)})


def test_it_looks_every_ten_seconds_alone(ledger, machine, watch):
    machine.pass_(LOOK_S - 1, 100)
    watch.step()
    assert drifts(ledger) == []


def test_loss_and_return_of_synchronisation_are_each_recorded_once(ledger, machine, watch):
    for reading in (LOST, LOST, GOOD, GOOD):
        machine.reading = reading
        machine.pass_(LOOK_S)
        watch.step()
    assert [kind for kind, _ in drifts(ledger)] == ["unsynchronised", "synchronised"]


def test_people_sign_again_once_the_clock_is_synchronised(machine, watch):
    machine.pass_(LOOK_S, 300)
    watch.step()
    with pytest.raises(Refusal, match="clock-untrusted"):
        watch.check()
    machine.pass_(LOOK_S)
    watch.step()
    watch.check()
    assert watch.drift_s == 0


def test_people_sign_again_once_somebody_vouches_for_it(ledger, machine, watch):
    machine.reading = LOST
    machine.pass_(LOOK_S, 300)
    watch.step()
    machine.pass_(LOOK_S)
    watch.step()
    with pytest.raises(Refusal, match="clock-untrusted"):
        watch.check()
    vouched = ClockTrusted().draft(reason="compared with the radio clock of the control room")
    ledger.append(new_op(), [Write(ledger.site_stream, (vouched,))], actor=Actor.system("console"), now=NOW)
    machine.pass_(LOOK_S)
    watch.step()
    watch.check()


@pytest.mark.rule("REG-DI-02")
def test_the_hour_that_comes_twice_keeps_its_order_and_its_offsets(ledger):
    zone = ZoneInfo("Europe/Brussels")
    for minutes in (20, 40, 80, 100):  # 02:50, 02:10 again, 02:50 again, 03:10 on the wall
        now = NOW + timedelta(minutes=minutes)
        write = Write(stream("batch", "B1"), (Draft("batch:held", {"cause": "person"}),))
        ledger.append(new_op(), [write], actor=Actor.system("test"), now=now)
    entries = ledger.stream(stream("batch", "B1"))
    assert [entry.document["utc_offset"] for entry in entries] == ["+02:00", "+01:00", "+01:00", "+01:00"]
    assert [f"{entry.at.astimezone(zone):%H:%M}" for entry in entries] == ["02:50", "02:10", "02:50", "03:10"]
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


def test_the_kernel_answers_or_says_nothing():
    found = kernel_reading()
    assert found is None or found.error_s >= 0
