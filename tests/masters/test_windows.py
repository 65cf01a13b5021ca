"""Windows that fit (PRA-14): the temporal network against every possible course of small masters."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.ids import StepId
from mes.masters.model import Edge, Master, Step, Window
from mes.masters.windows import window_findings
from tests.masters.builders import a_master, a_step, window

Times = Mapping[tuple[StepId, Edge], int]


def anchored(step: Step, edge: Edge, times: Times) -> tuple[list[int], list[int]]:
    """Return when the windows of one edge of the step open and close."""
    mine = [one for one in step.windows if one.of is edge]
    places = [times[one.after, one.edge] for one in mine if one.after is not None and one.edge is not None]
    opens = [at + int(one.min_h) for at, one in zip(places, mine, strict=True) if one.min_h is not None]
    closes = [at + int(one.max_h) for at, one in zip(places, mine, strict=True) if one.max_h is not None]
    return opens, closes


def can_close_before_it_opens(master: Master, number: int, times: Times) -> bool:
    """Try every whole hour that each step's own windows leave; say whether any course leaves a step no hour."""
    if number == len(master.steps):
        return False
    step, hours = master.steps[number], int(master.steps[number].duration_h)
    opens, closes = anchored(step, Edge.STARTED, times)
    ready, latest = anchored(step, Edge.COMPLETED, times)
    opens += [times[before, Edge.COMPLETED] for before in step.after]
    closes += [at - hours for at in latest]
    starts = range(max(opens), min(closes) + 1) if number else range(1)
    if not starts:
        return True
    for start in starts:
        ends = range(max([start + hours, *ready]), min(latest, default=start + hours) + 1)
        if not ends:
            return True
        for end in ends:
            placed = {**times, (step.id, Edge.STARTED): start, (step.id, Edge.COMPLETED): end}
            if can_close_before_it_opens(master, number + 1, placed):
                return True
    return False


@st.composite
def small_masters(draw: st.DrawFn) -> Master:
    steps: list[Step] = [a_step("S0", hours=draw(st.integers(0, 2)))]
    for number in range(1, draw(st.integers(2, 4)) + 1):
        earlier = [one.id for one in steps]
        windows: list[Window] = []
        for after in draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=2, unique=True)):
            low = draw(st.integers(0, 3))
            windows.append(window(after, low, low + draw(st.integers(0, 3)), edge=draw(st.sampled_from(Edge))))
        if draw(st.booleans()):
            low = draw(st.integers(0, 3))
            windows.append(window(earlier[-1], low, low + draw(st.integers(0, 3)), of=Edge.COMPLETED))
        after_steps = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True))
        steps.append(a_step(f"S{number}", *after_steps, hours=draw(st.integers(0, 2)), windows=tuple(windows)))
    return a_master(*steps)


@pytest.mark.rule("PRA-14")
@given(small_masters())
@settings(max_examples=150, deadline=None)
def test_the_network_finds_what_trying_everything_finds(master: Master) -> None:
    found = [one.code for one in window_findings(master)]
    assert set(found) <= {"window-empty"}
    assert bool(found) == can_close_before_it_opens(master, 0, {})


@pytest.mark.rule("PRA-14")
@pytest.mark.parametrize(
    ("latest", "codes"),
    [("28", []), ("28.1", ["window-empty"])],
)
def test_the_last_minute_decides(latest: str, codes: list[str]) -> None:
    activation = a_step("A10", hours=1)
    transduction = a_step("A12", "A10", hours=1, windows=(window("A10", 16, latest),))
    wash = a_step("A13", "A12", windows=(window("A10", 16, 29),))
    assert [one.code for one in window_findings(a_master(activation, transduction, wash))] == codes


def test_one_tight_place_is_said_once() -> None:
    steps = [a_step("S0"), a_step("S1", "S0", windows=(window("S0", 0, 5),))]
    steps.append(a_step("S2", "S1", hours=1, windows=(window("S0", 0, 3),)))
    steps.append(a_step("S3", "S2", windows=(window("S2", 0, 1),)))
    assert [(one.code, one.where) for one in window_findings(a_master(*steps))] == [("window-empty", "S2")]


def test_a_parallel_branch_counts() -> None:
    slow = a_step("S1", "S0", hours=3, windows=(window("S0", 0, 4),))
    quick = a_step("S2", "S0", hours=1, windows=(window("S0", 0, 1),))
    both = a_step("S3", "S1", "S2", windows=(window("S2", 0, 5),))
    found = list(window_findings(a_master(a_step("S0"), slow, quick, both)))
    assert [dict(one.facts) for one in found] == [
        {"late": "S1", "lower": "S1 completed", "upper": "S2 completed + 5 h", "short_h": "1"}
    ]


def test_hours_since_h0_count_from_the_end_of_the_collection() -> None:
    start = a_step("A03", hours=4)
    absolute = Window(absolute=True, max_h=Decimal(2))
    late = a_step("A05", "A03", hours=3, windows=(Window(absolute=True, of=Edge.COMPLETED, max_h=Decimal(2)),))
    assert [one.where for one in window_findings(a_master(start, late))] == ["A05"]
    in_time = a_step("A05", "A03", hours=3, windows=(absolute,))
    assert list(window_findings(a_master(start, in_time))) == []


def test_a_step_may_take_until_its_latest_completion() -> None:
    slow = a_step("S1", "S0", hours=3, windows=(window("S0", 0, 1), window("S0", None, 12, of=Edge.COMPLETED)))
    following = a_step("S2", "S1", windows=(window("S0", 0, 11),))
    found = list(window_findings(a_master(a_step("S0"), slow, following)))
    assert [(one.where, dict(one.facts)["short_h"]) for one in found] == [("S2", "1")]


def test_what_has_no_latest_time_is_blamed_once() -> None:
    loose = a_step("S1", "S0")
    bound = [a_step(f"S{number}", f"S{number - 1}", windows=(window("S0", 0, 9),)) for number in (2, 3)]
    found = list(window_findings(a_master(a_step("S0"), loose, *bound)))
    assert [(one.code, one.where, dict(one.facts)["late"]) for one in found] == [("window-unbounded", "S2", "S1")]
