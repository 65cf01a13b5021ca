"""The drain: every sample once, to the run that held the device at its source time, judged in order."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from equipment_drivers.readings import CommandOutcome, CommandResult, CommandVerb, Gap, LinkState, UnitState
from mes.equipment.drain import Drain
from mes.equipment.outbox import NEVER_SENT, CommandOutbox
from mes.equipment.spool import CommandSpool
from mes.equipment.ticks import ticks_of
from mes.equipment.writes import allocation_writes, command_writes
from mes.errors import Fault
from mes.ids import BatchId, RunId
from mes.ledger.store import Ledger
from tests.equipment.builders import (
    BATCH,
    DEVICE,
    NOW,
    RUN,
    House,
    a_house,
    a_reading,
    a_tick,
    an_alarm,
    at,
    noted,
)  # fmt: skip

IDLE = f"{DEVICE}.idle"


class Killed(BaseException):
    """The process died here."""


class DyingLedger:
    """A ledger whose process is killed at one point: before the transaction, within it at its end, or after it."""

    def __init__(self, real: Ledger, point: str, on_call: int) -> None:
        self._real, self._point, self._left = real, point, on_call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def append(self, *args: Any, alongside: Callable, **more: Any) -> Any:
        return self._dying(lambda store: self._real.append(*args, alongside=store, **more), alongside)

    def beside(self, store: Callable) -> Any:
        return self._dying(self._real.beside, store)

    def _dying(self, act: Callable, store: Callable) -> Any:
        self._left -= 1
        point = self._point if self._left == 0 else ""

        def dying(connection: Any) -> None:
            store(connection)
            if point == "within":
                raise Killed

        if point == "before":
            raise Killed
        found = act(dying)
        if point == "after":
            raise Killed
        return found


def a_busy_device(house: House) -> int:
    """Let a device send three hours of everything; return the number of samples."""
    house.a_fit_device()
    house.allocate(10)
    sent = 0
    for minute in range(1, 181):
        alarms = [an_alarm("HOT", minute, event=str(minute))] if minute % 50 == 0 else []
        state = "RUNNING" if minute < 100 else "COMPLETE"
        sent += house.send(*a_tick(minute), a_reading("unit.state", state, minute), alarms=alarms)
    house.release(170)
    return sent


def everything(house: House) -> list[Any]:
    """Return what the record holds; where pages were cut does not matter, nor does the order between streams."""
    told = sorted(json.dumps([one.stream, one.type, one.data]) for one in house.ledger.entries())
    runs = {str(one.data["run"]) for one in house.ledger.entries() if "run" in one.data}
    chunks = [(run, one.tag, one.count, one.sha256) for run in sorted(runs) for one in house.telemetry.chunks(run)]
    return [told, chunks, [house.telemetry.unsealed(run) for run in sorted(runs)], house.telemetry.recorded(DEVICE)]


@pytest.mark.parametrize("point", ["before", "within", "after"])
def test_killed_at_any_transaction_every_sample_is_recorded_once(
    tmp_path_factory: pytest.TempPathFactory, point: str
) -> None:
    with a_house(tmp_path_factory.mktemp("whole")) as calm:
        sent = a_busy_device(calm)
        transactions = calm.drain_all(400)
        expected = everything(calm)
        assert calm.telemetry.recorded(DEVICE) == sent
    with a_house(tmp_path_factory.mktemp("killed")) as house:
        assert a_busy_device(house) == sent
        deaths = 0
        for call in [1] * 3 + [2] * transactions:
            drain = Drain(DyingLedger(house.ledger, point, call), house.reader, house.observer)
            try:
                house.drain_all(400, drain)
            except Killed:
                deaths += 1
        house.drain_all(400, Drain(house.ledger, house.reader, house.observer))
        assert deaths >= 3
        assert everything(house) == expected


@pytest.mark.postgres
def test_postgresql_ends_with_the_same_record(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> None:
    found = []
    for url in (None, postgres_url):
        with a_house(tmp_path_factory.mktemp("house"), url) as house:
            a_busy_device(house)
            house.drain_all(400)
            found.append(everything(house))
    assert found[0] == found[1]


def test_a_sample_belongs_to_the_run_at_its_source_time(house: House) -> None:
    house.a_fit_device()
    house.send(*a_tick(1))
    house.allocate(2)
    house.send(*a_tick(2), *a_tick(3))
    house.release(4)
    house.send(*a_tick(4))
    house.allocate(5, "B-2.R1", "B-2")
    house.send(*a_tick(5))
    house.send(a_reading("culture.temperature", "36.5", 3.5, received=6, unit="Cel"))  # late: the first run's
    house.drain_all(6)
    heard = [(run.batch, one.source_at) for kind, run, one in house.observer.heard if kind == "reading"]
    assert heard == [
        *[(BATCH, at(minute)) for minute in (2, 2, 3, 3)], (BATCH, at(3.5)), ("B-2", at(5)), ("B-2", at(5)),
    ]  # fmt: skip
    kept = {run: house.telemetry.unsealed(run) for run in (RUN, "B-2.R1", IDLE)}
    sealed = {run: sum(one.count for one in house.telemetry.chunks(run)) for run in kept}
    assert {run: kept[run] + sealed[run] for run in kept} == {RUN: 5, "B-2.R1": 2, IDLE: 4}


def test_without_a_source_time_the_time_of_arrival_decides(house: House) -> None:
    house.a_fit_device()
    house.allocate(2)
    house.send(a_reading("culture.temperature", "37.0", 3, source_time=None, server_time=None))
    house.send(a_reading("culture.temperature", "37.0", 1, received=3, source_time=None, sequence=2))
    house.drain_all(3)
    assert [one.source_at for _, _, one in house.observer.heard] == [at(3)]


def test_a_breach_is_recorded_at_once_and_later_samples_see_it(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    house.observer.limit_celsius = 38
    house.send(*a_tick(1), *a_tick(2, "39.5"))
    house.send(a_reading("unit.state", "RUNNING", 2.5))
    house.send(*a_tick(3, "40.1"))
    house.drain.step(at(3))
    assert house.facts("batch:test:noted") == [{"what": "limit", "value": "39.5"}]
    assert house.facts("equipment:unit:state") == []  # what comes behind is judged in the next transaction
    house.drain_all(3)
    assert [one["value"] for one in house.facts("batch:test:noted")] == ["39.5", "40.1"]
    assert house.telemetry.recorded(DEVICE) == 7


@pytest.mark.rule("REG-A11-05", negative=True)
@pytest.mark.rule("REG-DI-03")
def test_a_bad_value_is_kept_and_told_as_bad(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    house.send(a_reading("culture.temperature", "NaN", 1, unit="Cel", status=0x80340000))
    house.drain_all(1)
    ((_, _, reading),) = house.observer.heard
    assert (reading.value, reading.text, reading.good) == (None, "NaN", False)


def test_the_unit_state_is_followed_in_order(house: House) -> None:
    house.a_fit_device()
    house.allocate(2)
    sent = [(1, "READY"), (2, "RUNNING"), (3, "RUNNING"), (4, "PURGING"), (5, "HELD")]
    for minute, state in sent:
        house.send(a_reading("unit.state", state, minute))
    house.send(a_reading("unit.state", "COMPLETE", 4.5, received=6))  # late: not the state now
    house.send(a_reading("unit.state", "ABORTED", 6, status=0x80000000))  # bad: nobody knows
    house.drain_all(6)
    changes = [(one["run"], one["previous"], one["state"]) for one in house.facts("equipment:unit:state")]
    assert changes == [
        (IDLE, "UNKNOWN", "READY"), (RUN, "READY", "RUNNING"), (RUN, "RUNNING", "UNKNOWN"), (RUN, "UNKNOWN", "HELD"),
    ]  # fmt: skip
    told = [one for kind, _, one in house.observer.heard if kind == "state"]
    assert told == [(UnitState.RUNNING, at(2)), (UnitState.UNKNOWN, at(4)), (UnitState.HELD, at(5))]


def test_alarms_gaps_and_links_stand_in_the_run_they_touch(house: House) -> None:
    house.a_fit_device()
    house.allocate(2)
    house.send(alarms=[an_alarm("HOT", 1), an_alarm("HOT", 3, event="e-2", message="cafe\u0301 \ud800")])
    house.send(gaps=[Gap("restart", ticks_of(at(1)), ticks_of(at(3)), ())])
    house.writer.link_changed(DEVICE, LinkState.OFFLINE, "cut", ticks_of(at(4)))
    house.drain_all(5)
    alarms = house.facts("equipment:alarm:changed")
    assert [(one["run"], one["message"]) for one in alarms] == [(IDLE, "hot"), (RUN, "caf\u00e9 ?")]
    assert [one["run"] for one in house.facts("equipment:gap:recorded")] == [RUN]
    assert [one["state"] for one in house.facts("equipment:link:changed")] == ["OFFLINE"]
    assert [kind for kind, _, _ in house.observer.heard] == ["alarm", "gap"]


def test_a_command_goes_out_once_and_its_outcome_comes_back(house: House, tmp_path: Any) -> None:
    house.a_fit_device()
    house.allocate(0)
    state = house.service.state(DEVICE)
    asked = {"run": RUN, "command": "c-1", "verb": CommandVerb.START, "args": {}, "step": "S-1", "now": NOW}
    house.append(command_writes(state, **asked))
    spool = CommandSpool(tmp_path / "commands.spool")
    outbox = CommandOutbox(house.ledger, spool, house.observer)
    assert [outbox.flush(NOW), outbox.flush(NOW)] == [1, 0]
    house.writer.claim("c-1", DEVICE, 1)
    house.writer.finish(DEVICE, CommandOutcome("c-1", CommandResult.CONFIRMED, "running", ticks_of(at(1))))
    house.writer.claim("c-9", DEVICE, 1)
    house.writer.finish(DEVICE, CommandOutcome("c-9", CommandResult.CONFIRMED, "nobody asked", ticks_of(at(1))))
    house.drain_all(1)
    (outcome,) = house.facts("equipment:command:outcome")
    assert (outcome["run"], outcome["verb"], outcome["result"]) == (RUN, "start", "CONFIRMED")
    assert [(kind, run.batch) for kind, run, _ in house.observer.heard] == [("outcome", BATCH)]
    assert outbox.flush(at(99)) == 0
    spool.close()


def test_a_command_that_reached_nobody_in_time_is_answered(house: House, tmp_path: Any) -> None:
    house.a_fit_device()
    house.allocate(0)
    asked = {"run": RUN, "command": "c-1", "verb": CommandVerb.START, "args": {}, "step": "S-1", "now": NOW}
    house.append(command_writes(house.service.state(DEVICE), **asked))
    spool = CommandSpool(tmp_path / "commands.spool")
    outbox = CommandOutbox(house.ledger, spool, house.observer)
    assert [outbox.flush(at(2)), outbox.flush(at(2))] == [0, 0]
    (outcome,) = house.facts("equipment:command:outcome")
    assert (outcome["result"], outcome["detail"]) == ("REFUSED", NEVER_SENT)
    assert [kind for kind, _, _ in house.observer.heard] == ["outcome"]
    assert not spool.holds("c-1")
    spool.close()


class Intruding:
    """Something that happens between the judgement of a page and its commit."""

    def __init__(self, inner: Any, act: Callable[[], None]) -> None:
        self._inner, self._act, self.calls = inner, act, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def on_readings(self, run: Any, readings: Any, now: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            self._act()
        return self._inner.on_readings(run, readings, now)


def test_an_allocation_made_meanwhile_is_seen(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    house.release(2)
    house.send(*a_tick(1), *a_tick(3))
    seen = house.service.state(DEVICE)
    allocate = lambda: house.append(allocation_writes(seen, RunId("B-2.R1"), BatchId("B-2"), at(2)))  # noqa: E731
    observer = Intruding(house.observer, allocate)
    house.drain_all(3, Drain(house.ledger, house.reader, observer))
    kept = {run: house.telemetry.unsealed(run) for run in ("B-2.R1", IDLE)}
    assert kept == {"B-2.R1": 2, IDLE: 0}


def test_a_judgement_that_others_overtook_is_made_again(house: House) -> None:
    house.a_fit_device()
    house.allocate(0)
    house.send(*a_tick(1))
    expected = iter([5, 0])

    class Expecting(Intruding):
        def on_readings(self, run: Any, readings: Any, now: Any) -> Any:
            one = noted(run, "limit", "x")
            return [type(one)(one.stream, one.drafts, next(expected, None))]

    house.drain_all(1, Drain(house.ledger, house.reader, Expecting(house.observer, lambda: None)))
    assert len(house.facts("batch:test:noted")) == 1
    assert house.telemetry.recorded(DEVICE) == 2


class Stumbling:
    """A ledger whose database is away for the first transaction."""

    def __init__(self, real: Ledger) -> None:
        self._real, self.stumbled = real, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def beside(self, store: Callable) -> None:
        if not self.stumbled:
            self.stumbled = True
            raise Fault("ledger-unavailable")
        self._real.beside(store)


def test_the_drain_follows_in_its_thread_and_survives_a_fault(house: House, tmp_path: Any) -> None:
    house.a_fit_device()
    house.allocate(0)
    asked = {"run": RUN, "command": "c-1", "verb": CommandVerb.START, "args": {}, "step": "S-1", "now": NOW}
    house.append(command_writes(house.service.state(DEVICE), **asked))
    house.send(*a_tick(1))
    ledger, stop = Stumbling(house.ledger), threading.Event()
    drain = Drain(ledger, house.reader, house.observer)
    spool = CommandSpool(tmp_path / "commands.spool")
    outbox = CommandOutbox(house.ledger, spool, house.observer)
    thread = threading.Thread(target=drain.follow, args=(lambda: NOW, stop, outbox))
    thread.start()
    deadline = time.monotonic() + 10
    while (drain.tick(DEVICE) is None or not spool.holds("c-1")) and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join()
    assert ledger.stumbled
    assert drain.tick(DEVICE) == at(1)
    assert spool.holds("c-1")
    spool.close()
