"""The sequence of the shipped master is enforced: every pair of its steps that may not follow each other is refused."""

from functools import cache
from itertools import permutations

import pytest

from mes.batches.decide.steps import StartStep, start_step
from mes.batches.model import BatchState, StepStatus
from mes.errors import Refusal
from mes.ids import StepId
from mes.masters.graph import ancestors, predecessors
from mes.people.model import Role
from tests.schedule.builders import SEVEN_DAYS, a_batch, at, done

WAITS = predecessors(SEVEN_DAYS)
STEPS = [one.id for one in SEVEN_DAYS.steps]
EVERY_ROLE = frozenset(role.value for role in Role)
PAIRS = list(permutations(STEPS, 2))
FORBIDDEN = [(first, second) for first, second in PAIRS if not WAITS[second] <= ancestors(WAITS, first) | {first}]


@cache
def up_to(step: StepId) -> BatchState:
    """Return a batch in which a step and everything before it is done, and nothing else."""
    state = a_batch(SEVEN_DAYS)
    for one in STEPS:
        if one in ancestors(WAITS, step) | {step}:
            state = done(state, one, 0, 0)
    return state


def start(state: BatchState, step: StepId) -> object:
    command = StartStep(step, EVERY_ROLE, "PRD-01", "decided so")
    return start_step(state, command, "B1.R1", at(0))


def test_the_table_is_not_empty() -> None:
    assert len(FORBIDDEN) > len(PAIRS) // 2


@pytest.mark.rule("REG-P11-10f", negative=True)
@pytest.mark.parametrize("first", STEPS)
def test_no_step_starts_before_what_it_waits_for(first: StepId) -> None:
    """For each pair of steps that the master does not allow in a row, the start is refused and names what is open."""
    for second in (two for one, two in FORBIDDEN if one == first):
        state = up_to(first)
        with pytest.raises(Refusal) as refused:
            start(state, second)
        closed = state.step(second).status is not StepStatus.PENDING
        assert refused.value.code == ("step-not-pending" if closed else "step-predecessors-open"), second
        if not closed:
            still = {one for one in WAITS[second] if state.step(one).is_open}
            assert set(refused.value.facts["open"].split(", ")) == still


@pytest.mark.rule("REG-P11-10f")
@pytest.mark.parametrize("first", STEPS)
def test_an_allowed_step_is_never_refused_for_its_place(first: StepId) -> None:
    state = up_to(first)
    for second in (two for one, two in PAIRS if one == first and (one, two) not in FORBIDDEN):
        if state.step(second).status is not StepStatus.PENDING:
            continue
        try:
            start(state, second)
        except Refusal as refused:
            assert refused.code == "step-too-early", second  # its window, not its place  # noqa: PT017


@pytest.mark.rule("REG-P11-10f", negative=True)
@pytest.mark.parametrize("step", STEPS)
def test_no_step_is_done_twice(step: StepId) -> None:
    with pytest.raises(Refusal, match="step-not-pending"):
        start(up_to(step), step)
