"""What a device's samples, alarms and states mean for the batch."""

from datetime import timedelta
from decimal import Decimal

import pytest

from equipment_drivers.readings import CommandResult, UnitState
from mes.batches import events as ev
from mes.batches.decide import device
from mes.equipment.ports import DrainedAlarm, DrainedOutcome, DrainedReading
from mes.ledger.events import decode_event
from tests.batches.builders import a_batch, after, at, done

BEGUN = (*done("S1", "S2"), (ev.StepStarted("S3", "PRD-01", "B1.R1", "3"), 5.0))


def a_reading(value: str, minute: float, *, good: bool = True, tag: str = "culture.temperature") -> DrainedReading:
    when = at(5) + timedelta(minutes=minute)
    number = Decimal(value) if value.replace(".", "").isdigit() else None
    return DrainedReading(tag, number, value, "Cel", good, when, when)


def judged(state, *readings):
    return [decode_event(draft.type, draft.tv, draft.data) for draft in device.judge_readings(state, readings)]


def kinds(events):
    return [type(event) for event in events]


def test_samples_within_limits_leave_no_entry():
    assert judged(a_batch(*BEGUN), a_reading("36.0", 1), a_reading("38.0", 2)) == []


@pytest.mark.rule("REG-A11D-09")
def test_the_first_sample_out_is_recorded_at_once_and_an_exception_once_it_persists():
    events = judged(a_batch(*BEGUN), *(a_reading("35.9", minute) for minute in range(12)))
    assert kinds(events) == [ev.LimitExceeded, ev.ExceptionOpened, ev.DeviationOpened]
    assert events[0].value == "35.9"
    assert events[0].limit == ">= 36.0 and <= 38.0 Cel"
    assert events[1].kind == "limit"


def test_an_excursion_across_two_drains_counts_its_whole_time():
    state = a_batch(*BEGUN)
    first = judged(state, *(a_reading("35.9", minute) for minute in range(6)))
    state = after(state, *first)
    assert kinds(judged(state, *(a_reading("35.9", minute) for minute in range(6, 9)))) == []
    assert kinds(judged(state, a_reading("35.9", 10))) == [ev.ExceptionOpened, ev.DeviationOpened]


def test_an_exception_is_opened_once_and_the_return_is_recorded():
    state = a_batch(*BEGUN)
    state = after(state, *judged(state, a_reading("35.9", 0), a_reading("35.9", 10)))
    assert judged(state, a_reading("35.8", 11)) == []
    assert kinds(judged(state, a_reading("36.5", 12))) == [ev.LimitReturned]
    state = after(state, *judged(state, a_reading("36.5", 12)))
    assert kinds(judged(state, a_reading("35.9", 13))) == [ev.LimitExceeded]


def test_a_short_excursion_opens_no_exception():
    events = judged(a_batch(*BEGUN), a_reading("35.9", 0), a_reading("36.9", 9), a_reading("35.9", 11))
    assert kinds(events) == [ev.LimitExceeded, ev.LimitReturned, ev.LimitExceeded]


@pytest.mark.parametrize(
    "reading",
    [a_reading("20.0", 1, good=False), a_reading("20.0", -1), a_reading("20.0", 1, tag="culture.co2")],
    ids=["bad quality", "before the step", "a signal nobody watches"],
)
def test_what_is_not_judged(reading):
    assert judged(a_batch(*BEGUN), reading) == []


def test_a_good_sample_that_is_no_number_is_out_of_limits():
    assert kinds(judged(a_batch(*BEGUN), a_reading("NaN", 1))) == [ev.LimitExceeded]


def test_nothing_is_watched_after_the_step_closed():
    state = a_batch(*BEGUN, ev.StepCompleted("S3"))
    assert judged(state, a_reading("20.0", 30)) == []


def an_alarm(severity: int, *, active: bool = True, acknowledged: bool = False) -> DrainedAlarm:
    return DrainedAlarm("CO2_LOW", "e1", "CO2 supply low", severity, active, acknowledged, at(6), at(6))


@pytest.mark.parametrize(("severity", "opened"), [(900, "critical"), (700, "critical"), (500, "major"), (100, "minor")])
def test_an_alarm_becomes_an_exception_of_its_severity(severity, opened):
    drafts = device.judge_alarm(a_batch(*BEGUN), an_alarm(severity))
    assert drafts[0].data["severity"] == opened
    assert drafts[0].occurred.at == at(6)
    assert (len(drafts) == 2) is (opened == "critical")


def test_an_alarm_that_went_away_or_was_seen_already_opens_nothing():
    state = a_batch(*BEGUN)
    assert device.judge_alarm(state, an_alarm(900, active=False)) == ()
    assert device.judge_alarm(state, an_alarm(900, acknowledged=True)) == ()


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (UnitState.RUNNING, []), (UnitState.COMPLETE, [ev.ProgramCompleted]),
        (UnitState.ERROR, [ev.ExceptionOpened, ev.DeviationOpened]), (UnitState.SUSPENDED, [ev.ExceptionOpened]),
    ],
)  # fmt: skip
def test_the_program_is_followed(unit, expected):
    drafts = device.follow_unit_state(a_batch(*BEGUN), unit, at(6))
    assert [type(decode_event(draft.type, 1, draft.data)) for draft in drafts] == expected


def test_a_completion_from_before_the_step_is_not_its_own():
    assert device.follow_unit_state(a_batch(*BEGUN), UnitState.COMPLETE, at(4.9)) == ()


def test_a_refused_command_needs_a_person():
    outcome = DrainedOutcome("c1", "start", CommandResult.REFUSED, "door open", at(5))
    assert [draft.type for draft in device.judge_outcome(a_batch(*BEGUN), outcome)] == ["batch:exception:opened"]


def test_a_gap_is_an_exception():
    (draft,) = device.judge_gap(a_batch(*BEGUN), "session lost", at(5), at(5.5))
    assert draft.data["kind"] == "gap"
    assert "30.0 min" in draft.data["what"]
