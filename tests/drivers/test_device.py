"""The simulated processor's logic: which command is allowed when, what it samples, what it warns of."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipment_drivers.simulators.device import CellProcessor, CommandRefused
from equipment_drivers.simulators.faults import FaultKind, InjectedFault, read_scenario
from equipment_drivers.simulators.physics import DONORS
from equipment_drivers.simulators.programs import PROGRAMS
from equipment_drivers.simulators.samples import Batch, Sample, State
from tests.drivers.stage import T0

HOUR = timedelta(hours=1)


def a_device(*faults: InjectedFault, seed: int = 7) -> CellProcessor:
    device = CellProcessor(T0, seed, DONORS["average"], faults)
    device.first()
    return device


def played(device: CellProcessor, until: datetime) -> list[Batch]:
    return list(device.until(until))


def samples(batches: Iterable[Batch]) -> list[Sample]:
    return [sample for batch in batches for sample in batch.samples]


def brought_to(state: State) -> CellProcessor:
    device = a_device(InjectedFault(FaultKind.PROMPT, 0.5, 0.1))
    ways = {
        State.IDLE: (), State.READY: ("select_program",), State.RUNNING: ("select_program", "start"),
        State.HELD: ("select_program", "start", "hold"), State.STOPPED: ("select_program", "start", "stop"),
        State.ABORTED: ("select_program", "abort"), State.SUSPENDED: ("select_program", "start", "0.6"),
        State.COMPLETE: ("select_program", "start", "0.6", "acknowledge_wait", "3"),
    }  # fmt: skip
    now = T0
    for act in ways[state]:
        if act[0].isdigit():
            now = T0 + float(act) * HOUR
            played(device, now)
        else:
            device.command(act, now, "1")
    assert device.state is state
    return device


ALLOWED = {
    "select_program": {State.IDLE, State.READY, State.COMPLETE, State.STOPPED, State.ABORTED},
    "start": {State.READY},
    "hold": {State.RUNNING},
    "resume": {State.HELD},
    "acknowledge_wait": {State.SUSPENDED},
    "stop": {State.RUNNING, State.HELD, State.SUSPENDED},
    "abort": set(State) - {State.IDLE, State.ERROR},
}
REACHABLE = sorted(set(State) - {State.ERROR})


@pytest.mark.parametrize("command", ALLOWED)
@pytest.mark.parametrize("state", REACHABLE, ids=lambda state: state.name)
def test_the_table_of_states_and_commands(state: State, command: str) -> None:
    device = brought_to(state)
    now = T0 + 4 * HOUR
    list(device.until(now))
    if device.state in ALLOWED[command]:
        device.command(command, now, "1")
        assert device.state in {
            "select_program": {State.READY}, "start": {State.RUNNING}, "hold": {State.HELD},
            "resume": {State.RUNNING}, "acknowledge_wait": {State.RUNNING}, "stop": {State.STOPPED},
            "abort": {State.ABORTED},
        }[command]  # fmt: skip
    else:
        with pytest.raises(CommandRefused, match="BadInvalidState"):
            device.command(command, now, "1")


@pytest.mark.parametrize("argument", ["0", "9", "-1", "", "two", "1.0"])
def test_only_known_programs_can_be_selected(argument: str) -> None:
    with pytest.raises(CommandRefused, match="BadOutOfRange"):
        a_device().command("select_program", T0, argument)


@pytest.mark.parametrize("number", PROGRAMS)
def test_each_program_runs_its_own_time_and_completes(number: int) -> None:
    device = a_device()
    device.command("select_program", T0, str(number))
    device.command("start", T0)
    end = T0 + PROGRAMS[number].hours * HOUR
    played(device, end - timedelta(seconds=1))
    assert device.state is State.RUNNING
    steps = [sample.value for sample in samples(played(device, end)) if sample.tag == "unit.state"]
    assert device.state is State.COMPLETE
    assert steps[-1] is State.COMPLETE
    played(device, end + 2 * HOUR)
    assert device.state is (State.IDLE if number == 8 else State.COMPLETE)


def test_culture_conditions_are_kept_between_programs() -> None:
    device = a_device()
    device.command("select_program", T0, "3")
    device.command("start", T0)
    later = [s.value for s in samples(played(device, T0 + 20 * HOUR)) if s.tag == "culture.temperature"][-300:]
    assert all(36.7 < float(str(value)) < 37.3 for value in later)
    assert device.culture is not None


def test_holding_stops_the_program_and_not_the_clock() -> None:
    device = a_device()
    device.command("select_program", T0, "7")
    device.command("start", T0)
    played(device, T0 + 0.2 * HOUR)
    device.command("hold", T0 + 0.2 * HOUR)
    played(device, T0 + 5 * HOUR)
    assert device.state is State.HELD
    device.command("resume", T0 + 5 * HOUR)
    played(device, T0 + 5.29 * HOUR)
    assert device.state is State.RUNNING
    played(device, T0 + 5.31 * HOUR)
    assert device.state is State.COMPLETE


def test_the_grid_is_a_minute_at_work_and_ten_when_idle() -> None:
    device = a_device()
    idle = Counter(sample.tag for sample in samples(played(device, T0 + HOUR)))
    assert set(idle.values()) == {6}
    device.command("select_program", T0 + HOUR, "1")
    work = samples(played(device, T0 + 2 * HOUR))
    counts = Counter(sample.tag for sample in work)
    assert (counts["culture.temperature"], counts["device.clock"], counts["unit.mains"]) == (60, 60, 6)
    assert all(batch.samples[-1].tag == "device.clock" for batch in played(device, T0 + 3 * HOUR))


def test_two_acts_at_one_instant_have_two_times() -> None:
    device = a_device()
    acts = [device.command("select_program", T0, "1"), device.command("start", T0), device.command("hold", T0)]
    times = [sample.at for batch in acts for sample in batch.samples if sample.tag == "unit.state"]
    assert times == sorted(set(times))
    assert times[-1] - T0 < timedelta(milliseconds=1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0005, 3.0), min_size=1, max_size=40))
def test_what_is_sampled_does_not_depend_on_how_often_one_looks(pauses: list[float]) -> None:
    """No tick is skipped and none is doubled, however virtual time jumps."""

    def run(times: Iterable[datetime]) -> list[Sample]:
        device = a_device(InjectedFault(FaultKind.CO2_SUPPLY, 0.31, 1.0), InjectedFault(FaultKind.PROMPT, 0.7, 0.5))
        device.command("select_program", T0, "3")
        device.command("start", T0)
        return samples(batch for time in times for batch in device.until(time))

    times, now = [], T0
    for pause in pauses:
        now += pause * HOUR
        times.append(now)
    assert run(times) == run([now])


def test_a_clock_that_stands_still_is_shown_once() -> None:
    device = a_device()
    held = T0 + timedelta(minutes=3)
    assert not played(device, held)
    batch = device.still(held)
    assert batch is not None
    assert [(sample.tag, sample.at, sample.value) for sample in batch.samples] == [("device.clock", held, held)]
    assert device.still(held) is None


ALARMS = [
    (FaultKind.HEAT_LOSS, "TemperatureDeviation"), (FaultKind.CO2_SUPPLY, "Co2SupplyLow"),
    (FaultKind.AIR_SUPPLY, "AirSupplyLow"), (FaultKind.OCCLUSION, "LinePressureHigh"),
    (FaultKind.CLAMP, "ClampFeedback"), (FaultKind.MAINS, "MainsLost"), (FaultKind.PROMPT, "PromptUnanswered"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), ALARMS)
def test_each_failure_raises_its_alarm_and_takes_it_back(kind: FaultKind, name: str) -> None:
    device = a_device(InjectedFault(kind, 4.2, 1.0))
    for number, at in ((3, T0), (2, T0 + 4 * HOUR)):
        played(device, at)
        device.command("select_program", at, str(number))
        device.command("start", at)
    told = [alarm for batch in played(device, T0 + 6 * HOUR) for alarm in batch.alarms]
    if kind in (FaultKind.CLAMP, FaultKind.PROMPT):
        told += device.command("acknowledge_wait", T0 + 6 * HOUR).alarms
    told += [alarm for batch in played(device, T0 + 8 * HOUR) for alarm in batch.alarms]
    assert [(alarm.name, alarm.active) for alarm in told] == [(name, True), (name, False)]


def test_without_a_failure_no_alarm_in_a_whole_run() -> None:
    device, now = a_device(), T0
    for number in PROGRAMS:
        device.command("select_program", now, str(number))
        device.command("start", now)
        now += 18 * HOUR
        assert not [alarm for batch in played(device, now) for alarm in batch.alarms]


def test_an_alarm_is_acknowledged_by_its_newest_event() -> None:
    device = a_device(InjectedFault(FaultKind.MAINS, 0.5, 1.0))
    (raised,) = [alarm for batch in played(device, T0 + HOUR) for alarm in batch.alarms]
    (seen,) = device.command("acknowledge_alarm", T0 + HOUR, raised.event_id).alarms
    assert (seen.active, seen.acknowledged, seen.event_id != raised.event_id) == (True, True, True)
    with pytest.raises(CommandRefused, match="BadEventIdUnknown"):
        device.command("acknowledge_alarm", T0 + HOUR, raised.event_id)


def test_a_stuck_and_a_broken_sensor() -> None:
    stuck = InjectedFault(FaultKind.STUCK, 1.0, 1.0)
    broken = InjectedFault(FaultKind.BAD_SENSOR, 1.0, 1.0, tag="culture.co2")
    device = a_device(stuck, broken)
    device.command("select_program", T0, "3")
    found = samples(played(device, T0 + 3 * HOUR))
    during = [s for s in found if T0 + HOUR <= s.at < T0 + 2 * HOUR]
    assert len({s.value for s in during if s.tag == "culture.temperature"}) == 1
    assert {s.status for s in during if s.tag == "culture.co2"} == {0x808C0000}
    after = [s for s in found if s.at >= T0 + 2 * HOUR]
    assert len({s.value for s in after if s.tag == "culture.temperature"}) > 3
    assert {s.status for s in after} == {0}


def test_the_same_seed_gives_the_same_run() -> None:
    runs = [samples(played(a_device(seed=seed), T0 + 9 * HOUR)) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(("row", "error"), [
    ({"kind": "earthquake", "at_h": 1, "hours": 1}, ValueError),
    ({"kind": "mains", "at_h": -1, "hours": 1}, ValueError),
    ({"kind": "mains", "at_h": 1, "hours": 0}, ValueError),
    ({"kind": "mains", "at_h": 1}, TypeError),
    ({"kind": "mains", "at_h": 1, "hours": 1, "colour": "red"}, TypeError),
])  # fmt: skip
def test_a_scenario_is_read_strictly(row: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        read_scenario([row])


def test_a_scenario_is_read() -> None:
    assert read_scenario([{"kind": "heat_loss", "at_h": 30, "hours": 1.5, "size": 3}]) == (
        InjectedFault(FaultKind.HEAT_LOSS, 30, 1.5, 3),
    )
