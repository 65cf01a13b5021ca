"""What the step screen asks for next, as a table over moments of a step; and the windows beside it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mes.batches import events as ev
from mes.batches.model import Binding, Judgement, MaterialUse, RecordedValue
from mes.people.model import Person, Role
from mes.web.operator.step_screen import Ask, Next, next_of, window_of
from tests.batches.builders import a_batch, after, at, done

USE = MaterialUse("BUFFER", "L1", datetime(2027, 1, 1, tzinfo=UTC))
VALUE = RecordedValue("viability", "97", "%", "manual", Judgement("r", 1, ">= 80", True))
COLLECTED = done("S1")
STARTED = [*COLLECTED, ev.StepStarted("S2")]
SCANNED = [*STARTED, ev.DonationIdentified("A999926000001", "B1.A1"), ev.ScanMatched("S2", "bag", "bag:apheresis", "x")]
STOCKED = [*SCANNED, ev.MaterialUsed("S2", USE)]
CONFIRMED = [*STOCKED, ev.StepPerformed("S2", "ab" * 32, (VALUE,))]
CULTURE = [*done("S1", "S2"), ev.StepStarted("S3", "D1", "B1.R1", "3")]


@pytest.mark.parametrize(
    ("events", "step", "asked"),
    [
        ([], "S2", Ask.PREDECESSORS),
        ([], "S1", Ask.START),
        (COLLECTED, "S2", Ask.OPENING),
        (STARTED, "S2", Ask.DONATION),
        (SCANNED[:-1], "S2", Ask.SCAN),
        ([*SCANNED[:-1], ev.ScanMismatched("S2", "bag", "bag:apheresis", "y")], "S2", Ask.SCAN),
        (SCANNED, "S2", Ask.LOTS),
        (STOCKED, "S2", Ask.CONFIRM),
        (CONFIRMED, "S2", Ask.VERIFY),
        ([*CONFIRMED, ev.StepVerified("S2")], "S2", Ask.ATTEST),
        ([*CONFIRMED, ev.StepVerified("S2"), ev.StepCompleted("S2")], "S2", Ask.NOTHING),
        (CULTURE, "S3", Ask.DEVICE),
        ([*CULTURE, ev.ProgramCompleted("S3", "3", "COMPLETE")], "S3", Ask.CONFIRM),
        ([*done("S1", "S2", "S3"), ev.StepSkipped("S5")], "S5", Ask.NOTHING),
        ([*done("S1", "S2", "S3", "S4"), ev.StepSkipped("S5"), ev.StepStarted("S6")], "S6", Ask.CONTAINER),
    ],
)
def test_a_step_asks_for_one_thing(events: list, step: str, asked: Ask) -> None:
    state = a_batch(*events)
    assert next_of(state, state.step(step), at(0)).ask is asked


def test_a_step_opens_with_its_window() -> None:
    state = a_batch(*COLLECTED)
    assert next_of(state, state.step("S2"), at(1.9)).ask is Ask.OPENING
    assert next_of(state, state.step("S2"), at(2)).ask is Ask.START


def test_a_manual_device_is_confirmed_by_hand() -> None:
    state = a_batch(*CULTURE, binding=Binding.MANUAL)
    assert next_of(state, state.step("S3"), at(0)).ask is Ask.PROGRAM


@pytest.mark.parametrize(
    ("ident", "roles", "offered"),
    [
        ("op-2", {Role.VERIFIER}, True),
        ("op-1", {Role.VERIFIER}, False),
        ("op-2", {Role.OPERATOR}, False),
        ("op-2", set(), False),
    ],
)
def test_a_verification_is_offered_to_another_person_with_the_role(ident: str, roles: set[Role], offered: bool) -> None:
    state = a_batch(*CONFIRMED)
    person = Person(ident, "X", "x", frozenset(roles))
    assert next_of(state, state.step("S2"), at(0)).is_for(person) is offered


def test_anybody_may_do_what_names_no_role() -> None:
    assert Next(Ask.SCAN).is_for(Person("p", "X", "x"))


@pytest.mark.parametrize(
    ("hour", "level", "left", "used"),
    [
        (2, "ok", "20", 0),
        (12, "ok", "10", 50),
        (21.5, "tight", "0.5", 98),
        (22, "tight", "0", 100),
        (30, "late", "-8", 100),
    ],
)
def test_a_window_runs_out(hour: float, level: str, left: str, used: int) -> None:
    state = a_batch(*COLLECTED)
    found = window_of(state, state.step("S2"), at(hour))
    assert found is not None
    assert (found.level, found.left_h, found.used) == (level, Decimal(left), used)
    assert found.closes_at == at(22)


def test_a_closed_step_has_no_window() -> None:
    state = a_batch(*COLLECTED, *done("S2"))
    assert window_of(state, state.step("S2"), at(3)) is None
    assert window_of(state, state.step("S3"), at(3)) is None


def test_a_bare_batch_waits_for_its_collection() -> None:
    state = after(a_batch(), ev.StepStarted("S1"))
    assert next_of(state, state.step("S1"), at(0) + timedelta(hours=1)).ask is Ask.CONFIRM
