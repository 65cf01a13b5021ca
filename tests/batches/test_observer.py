"""What the drain hands over, judged against the batch as the ledger holds it; the answer stands in the ledger."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from equipment_drivers.readings import CommandResult, CommandVerb, UnitState
from mes.batches.model import Binding
from mes.equipment.ports import DrainedAlarm, DrainedGap, DrainedOutcome, DrainedReading, RunKey
from mes.errors import Refusal
from mes.ids import BatchId, EquipmentId, RunId, new_op
from mes.ledger.entry import Actor, Write
from mes.masters.model import EquipmentNeed, Master, MonitoredLimit, Program, Severity
from tests.batches.builders import TEMPERATURE, a_master
from tests.batches.houses import DEVICE, Ward, with_device
from tests.batches.test_service_steps import collect, intake

RUN = RunKey(RunId("B1.R1"), EquipmentId(DEVICE), BatchId("B1"))
ALARM_LEVEL = replace(TEMPERATURE, persist_min=Decimal(0))
WARN_LEVEL = MonitoredLimit(
    "culture.temperature", "Chamber temperature (warning)", "Cel", Decimal("36.5"), Decimal("37.5"), Severity.MAJOR,
    Decimal(10),
)  # fmt: skip
MINUTE = timedelta(minutes=1)


def a_master_with_two_limits() -> Master:
    """The small master whose culture and wash both run on the device and watch one signal at two levels."""
    master = a_master()
    both = (WARN_LEVEL, ALARM_LEVEL)
    culture, wash = master.step("S3"), master.step("S4")
    changed = {
        "S3": replace(culture, monitored=both),
        "S4": replace(wash, monitored=both, equipment=(EquipmentNeed("cell_processor", Program("8", "wash")),)),
    }
    return replace(master, steps=tuple(changed.get(step.id, step) for step in master.steps))


@pytest.fixture
def running(ward_of) -> Ward:
    """A ward whose batch holds a simulated device that runs the program of S3."""
    ward: Ward = ward_of(a_master_with_two_limits())
    with_device(ward, Binding.OPCUA)
    ward.a_batch(binding=Binding.OPCUA)
    collect(ward)
    intake(ward)
    ward.does("olivia", ward.steps.start, "B1", "S3", equipment=DEVICE)
    return ward


def now(ward: Ward) -> datetime:
    return ward.house.clock.now()


def a_reading(ward: Ward, celsius: str, minute: float) -> DrainedReading:
    at = now(ward) + minute * MINUTE
    return DrainedReading("culture.temperature", Decimal(celsius), celsius, "Cel", True, at, at)


def record(ward: Ward, writes: tuple[Write, ...]) -> list[str]:
    """Append as the drain does; return the types that came into the batch."""
    before = len(ward.types())
    if writes:
        ward.house.ledger.append(new_op(), list(writes), actor=Actor.system("drain"), now=now(ward))
    return ward.types()[before:]


def drained(ward: Ward, *samples: tuple[str, float]) -> list[str]:
    """Hand samples over in one drain and record what is said of them."""
    readings = [a_reading(ward, celsius, minute) for celsius, minute in samples]
    return record(ward, tuple(ward.observer.on_readings(RUN, readings, now(ward))))


EXCEEDED, RETURNED = "batch:limit:exceeded", "batch:limit:returned"
OPENED, DEVIATION = "batch:exception:opened", "batch:deviation:opened"


def test_between_the_two_levels_only_the_warning_speaks(running):
    assert drained(running, ("36.4", 1), ("36.4", 5)) == [EXCEEDED]
    assert drained(running, ("36.4", 11)) == [OPENED]
    (found,) = running.recorder.load("B1").exceptions.values()
    assert (found.severity, found.kind) == ("major", "limit")
    assert ">= 36.5 and <= 37.5 Cel" in found.what
    assert drained(running, ("36.5", 12)) == [RETURNED]
    assert running.recorder.load("B1").excursions == {}


@pytest.mark.rule("REG-A11D-09")
def test_beyond_both_levels_each_is_judged_by_its_own_patience_and_they_return_one_by_one(running):
    assert drained(running, ("35.9", 1)) == [EXCEEDED, EXCEEDED, OPENED, DEVIATION]
    assert drained(running, ("36.2", 4)) == [RETURNED]
    assert drained(running, ("36.2", 11)) == [OPENED]
    assert drained(running, ("37.0", 12)) == [RETURNED]
    state = running.recorder.load("B1")
    assert [one.severity for one in state.exceptions.values()] == ["critical", "major"]
    assert sorted(state.exceptions) == ["B1.E1", "B1.E2"]
    assert running.row().exceptions == 2
    assert running.row().open_deviations == 1
    assert state.excursions == {}


def test_two_exceptions_of_one_drain_have_two_numbers(running):
    told = drained(running, *(("35.0", minute) for minute in range(12)))
    assert told == [EXCEEDED, EXCEEDED, OPENED, DEVIATION, OPENED]
    assert sorted(running.recorder.load("B1").exceptions) == ["B1.E1", "B1.E2"]


def test_samples_one_by_one_say_what_they_say_together(running):
    samples = [("36.4", 1), ("35.9", 2), ("36.1", 8), ("36.4", 12), ("37.0", 13), ("38.2", 14), ("37.0", 15)]
    one_by_one = [told for sample in samples for told in drained(running, sample)]
    for _ in range(2):
        running.house.clock.advance(60 * MINUTE)
        assert drained(running, *samples) == one_by_one


def test_each_entry_of_a_limit_says_when_it_happened_and_by_which_rule(running):
    drained(running, ("36.4", 1))
    entry = running.entries()[-1]
    assert entry.document["occurred"]["by"] == "device"
    assert datetime.fromisoformat(entry.document["occurred"]["at"]) == now(running) + MINUTE
    assert (entry.data["rule"], entry.data["rule_version"], entry.data["master"]) == (
        "signal-within-limit",
        1,
        "ab" * 32,
    )


def test_what_an_earlier_step_left_open_does_not_hide_the_excursion_of_a_later_one(running):
    record(running, tuple(running.observer.on_unit_state(RUN, UnitState.COMPLETE, now(running), now(running))))
    assert drained(running, ("35.9", 1)) == [EXCEEDED, EXCEEDED, OPENED, DEVIATION]
    running.does("olivia", running.steps.perform, "B1", "S3", ())
    running.does("viktor", running.steps.verify, "B1", "S3")
    running.house.clock.advance(timedelta(hours=25))
    assert drained(running, ("35.9", 0)) == []
    running.does("olivia", running.steps.start, "B1", "S4", equipment=DEVICE)
    assert drained(running, ("35.9", 1)) == [EXCEEDED, EXCEEDED, OPENED, DEVIATION]
    state = running.recorder.load("B1")
    assert [one.step for one in state.exceptions.values()] == ["S3", "S4"]
    assert {one.step for one in state.excursions.values()} == {"S3", "S4"}
    assert all(name.startswith("culture.temperature") for name in state.excursions)


def test_a_judgement_on_an_older_batch_is_refused_and_made_anew(running):
    readings = [a_reading(running, "35.9", 1)]
    writes = running.observer.on_readings(RUN, readings, now(running))
    running.does("sofia", running.problems.hold, "B1", reason="look at it")
    with pytest.raises(Refusal, match="somebody-was-faster"):
        record(running, tuple(writes))
    again = running.observer.on_readings(RUN, readings, now(running))
    assert record(running, tuple(again)) == [EXCEEDED, EXCEEDED, OPENED, DEVIATION]


def test_the_programs_end_is_followed(running):
    end = running.observer.on_unit_state(RUN, UnitState.COMPLETE, now(running), now(running))
    assert record(running, tuple(end)) == ["batch:program:completed"]
    assert running.observer.on_unit_state(RUN, UnitState.COMPLETE, now(running), now(running)) == ()
    running.does("olivia", running.steps.perform, "B1", "S3", ())


def test_a_selected_program_is_started_and_a_lost_command_needs_a_person(running):
    selected = DrainedOutcome("c1", CommandVerb.SELECT_PROGRAM.value, CommandResult.CONFIRMED, "", now(running))
    record(running, tuple(running.observer.on_command_outcome(RUN, selected, now(running))))
    asked = [one.data for one in running.house.ledger.stream("run/B1.R1") if one.type == "equipment:command:requested"]
    assert [one["verb"] for one in asked] == [CommandVerb.SELECT_PROGRAM.value, CommandVerb.START.value]
    lost = DrainedOutcome("c2", CommandVerb.START.value, CommandResult.UNKNOWN, "link fell", now(running))
    assert record(running, tuple(running.observer.on_command_outcome(RUN, lost, now(running)))) == [OPENED]
    (found,) = running.recorder.load("B1").exceptions.values()
    assert "link fell" in found.what


def test_alarms_and_gaps_become_exceptions_of_the_step_that_runs(running):
    alarm = DrainedAlarm("CO2_LOW", "e1", "CO2 low", 800, True, False, now(running), now(running))
    assert record(running, tuple(running.observer.on_alarm(RUN, alarm, now(running)))) == [OPENED, DEVIATION]
    assert running.observer.on_alarm(RUN, alarm, now(running)) == ()
    gap = DrainedGap("session lost", now(running), now(running) + 30 * MINUTE, ())
    assert record(running, tuple(running.observer.on_gap(RUN, gap, now(running)))) == [OPENED]
    assert {one.step for one in running.recorder.load("B1").exceptions.values()} == {"S3"}
    assert [one.kind for one in running.recorder.load("B1").exceptions.values()] == ["alarm", "gap"]
