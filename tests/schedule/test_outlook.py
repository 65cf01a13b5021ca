"""The clock against the master's own plan, against brute force, and through a batch's life."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.batches import events as ev
from mes.batches.model import BatchState, Phase
from mes.ids import MasterId, StepId
from mes.masters.critical_path import plan
from mes.masters.model import Edge, Master, Step, Window
from mes.schedule import VeinToVein, notices, outlook
from mes.schedule.outlook import Eaten
from tests.schedule.builders import SEVEN_DAYS, a_batch, after, at, done

PLANNED_H = plan(SEVEN_DAYS).vein_to_vein_h


def small(*steps: Step, target: Decimal | None = Decimal(50), **more: object) -> Master:
    """Return a master from its steps: the first is the collection, the last the infusion."""
    return Master(
        MasterId("small"), 1, "X", "Small", steps, steps[0].id, steps[-1].id, "none.1",
        target_vein_to_vein_h=target, **more,
    )  # fmt: skip


def step(name: str, *after: str, hours: int = 0, windows: tuple[Window, ...] = ()) -> Step:
    return Step(StepId(name), name, after=tuple(map(StepId, after)), duration_h=Decimal(hours), windows=windows)


LINE = small(
    step("S1", hours=4), step("S2", "S1", hours=2), step("S3", "S2", hours=10), step("S4", "S3", hours=1)
)  # fmt: skip


def test_a_fresh_batch_is_forecast_as_planned() -> None:
    ahead = outlook(a_batch(SEVEN_DAYS), at(0))
    assert ahead is not None
    assert PLANNED_H is not None
    assert ahead.vein_to_vein_h == PLANNED_H.quantize(Decimal("0.01"))
    assert ahead.vein_to_vein_h < 168
    assert ahead.eaten == ()
    assert ahead.critical == plan(SEVEN_DAYS).critical


@pytest.mark.rule("PRA-14")
def test_the_deadline_is_the_expiry_where_that_comes_before_the_target() -> None:
    ahead = outlook(a_batch(SEVEN_DAYS), at(0))
    assert ahead is not None
    planned = plan(SEVEN_DAYS)
    expiry_h = planned.completions[StepId("A18")] + 24
    assert expiry_h < 168
    assert ahead.slack_h == (expiry_h - planned.starts[StepId("A24")]).quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    ("state", "now", "infusion", "slack"),
    [
        (a_batch(LINE), 0, 16, 38),  # H0 at 4, infusion at 4 + 2 + 10
        (a_batch(LINE), 7, 23, 38),  # the collection slips: so does H0
        (done(a_batch(LINE), "S1", 0, 3), 3, 15, 38),
        (done(a_batch(LINE), "S1", 0, 3), 5, 17, 36),  # S2 should have begun
        (done(done(a_batch(LINE), "S1", 0, 3), "S2", 3, 4), 4, 14, 39),  # S2 gave back an hour
        (after(done(a_batch(LINE), "S1", 0, 3), (ev.StepStarted("S2"), 3.0)), 4, 15, 38),
        (after(done(a_batch(LINE), "S1", 0, 3), (ev.StepStarted("S2"), 3.0)), 9, 19, 34),  # S2 overruns
        (after(done(done(a_batch(LINE), "S1", 0, 3), "S2", 3, 5), (ev.StepSkipped("S3"), 6.0)), 6, 6, 47),
        (done(a_batch(LINE), "S1", 0, 3), 60, 72, -19),
    ],
)
def test_the_clock_through_a_life(state: BatchState, now: float, infusion: float, slack: int) -> None:
    ahead = outlook(state, at(now))
    assert ahead is not None
    assert (ahead.infusion_at, ahead.slack_h) == (at(infusion), Decimal(slack))


def test_the_recorded_expiry_replaces_the_planned_one() -> None:
    master = replace(LINE, shelf_life_h=Decimal(5), expiry_step=StepId("S3"))
    state = done(a_batch(master), "S1", 0, 0)
    ahead = outlook(state, at(0))
    assert ahead is not None
    assert ahead.deadline_at == at(17)
    filled = after(state, (ev.ContainerFilled("B1.P1", "50", "98 10*6{cells}", at(14)), 1.0))
    told = outlook(filled, at(1))
    assert told is not None
    assert told.deadline_at == at(14)


def test_the_clock_names_who_ate_the_slack() -> None:
    state = done(done(a_batch(LINE), "S1", 0, 4), "S2", 4, 9)
    ahead = outlook(state, at(10))
    assert ahead is not None
    assert ahead.eaten == (Eaten(StepId("S2"), Decimal("3.00")), Eaten(StepId("S3"), Decimal("1.00")))


@pytest.mark.parametrize(
    "master",
    [replace(LINE, target_vein_to_vein_h=None), replace(LINE, infusion_step=StepId("S9"))],
    ids=["no promise", "no infusion"],
)
def test_the_clock_says_nothing_where_nothing_is_promised(master: Master) -> None:
    assert outlook(a_batch(master), at(0)) is None
    assert VeinToVein().forecast(a_batch(master), "", at(0)) is None


def test_a_forecast_is_recorded_in_words_of_the_record() -> None:
    made = VeinToVein().forecast(done(a_batch(LINE), "S1", 0, 3), "S1", at(60))
    assert made == ev.ForecastMade("S1", at(72), at(53), "69.00", "-19.00")
    late = VeinToVein().forecast(done(a_batch(LINE), "S1", 0, 3), "S1", at(41))
    assert late is not None
    assert late.slack_h == "0.00"


def test_the_clock_stops_with_the_infusion_and_with_the_batch() -> None:
    infusing = after(a_batch(LINE), (ev.InfusionStarted("B1.P1"), 1.0))
    assert VeinToVein().forecast(infusing, "S4", at(2)) is None
    ended = replace(a_batch(LINE), phase=Phase.TERMINATED)
    assert VeinToVein().forecast(ended, "S1", at(2)) is None


@st.composite
def masters(draw: st.DrawFn) -> Master:
    """Draw a master of up to seven steps in which every step waits, directly or not, for the first."""
    count = draw(st.integers(2, 7))
    steps = []
    for n in range(count):
        before = sorted(draw(st.sets(st.integers(0, n - 1), min_size=1))) if n else []
        windows = tuple(
            Window(StepId(f"S{one}"), draw(st.sampled_from(Edge)), min_h=Decimal(draw(st.integers(0, 30))))
            for one in before
            if draw(st.booleans())
        )
        names = [f"S{one}" for one in before]
        steps.append(step(f"S{n}", *names, hours=draw(st.integers(0, 20)), windows=windows))
    return small(*steps)


def brute_force(master: Master) -> Decimal:
    """Return the longest of all paths to the infusion, found by walking every one of them."""
    steps = {one.id: one for one in master.steps}

    def paths(last: StepId) -> list[list[tuple[StepId, Decimal]]]:
        one = steps[last]
        waits = [(before, steps[before].duration_h) for before in one.after]
        for window in one.windows:
            assert window.after is not None
            assert window.min_h is not None
            lasts = steps[window.after].duration_h if window.edge is Edge.COMPLETED else Decimal(0)
            waits.append((window.after, lasts + window.min_h))
        if not waits:
            return [[]]
        return [[*path, (before, wait)] for before, wait in waits for path in paths(before)]

    return max(sum((wait for _, wait in path), Decimal(0)) for path in paths(master.infusion_step))


@given(masters())
def test_the_forecast_is_the_longest_of_all_paths(master: Master) -> None:
    ahead = outlook(a_batch(master), at(0))
    assert ahead is not None
    assert ahead.infusion_at == at(brute_force(master))
    assert ahead.vein_to_vein_h == brute_force(master) - master.steps[0].duration_h


@given(masters(), st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_waiting_never_brings_the_infusion_nearer(master: Master, waits: list[int]) -> None:
    hours = [sum(waits[:n]) for n in range(len(waits) + 1)]
    told = [outlook(a_batch(master), at(hour)) for hour in hours]
    times = [ahead.infusion_at for ahead in told if ahead is not None]
    assert all(one <= other for one, other in pairwise(times))


@given(masters())
def test_the_hours_eaten_add_up_to_the_lateness(master: Master) -> None:
    state = done(a_batch(master), "S0", 0, 30)
    ahead, planned = outlook(state, at(45)), plan(master).vein_to_vein_h
    assert ahead is not None
    assert planned is not None
    infusion = ahead.critical[-1]
    told = sum((one.hours for one in ahead.eaten), Decimal(0))
    assert infusion == master.infusion_step
    assert told == ahead.vein_to_vein_h - planned


@pytest.mark.parametrize(
    ("state", "now", "codes"),
    [
        (a_batch(LINE), 0, []),
        (done(a_batch(LINE), "S1", 0, 3), 60, ["deadline-missed"]),
        (done(a_batch(LINE), "S1", 0, 3), 37, ["slack-low"]),
        (after(done(a_batch(LINE), "S1", 0, 3), (ev.StepStarted("S2"), 3.0)), 6, ["step-overrun"]),
        (after(done(a_batch(LINE), "S1", 0, 3), (ev.InfusionStarted("P"), 60.0)), 61, []),
    ],
)
def test_notices(state: BatchState, now: float, codes: list[str]) -> None:
    assert [one.code for one in notices(state, at(now))] == codes


@pytest.mark.parametrize(
    ("now", "code"), [(3, None), (5.5, "window-closing"), (6, "window-closing"), (6.5, "window-closed")]
)
def test_a_window_that_closes_is_told(now: float, code: str | None) -> None:
    window = Window(StepId("S1"), Edge.COMPLETED, max_h=Decimal(3))
    master = small(step("S1", hours=4), step("S2", "S1", hours=2, windows=(window,)))
    found = notices(done(a_batch(master), "S1", 0, 3), at(now))
    assert [one.code for one in found if one.step == "S2"] == ([code] if code else [])


def test_the_worst_eater_is_named_in_the_notice() -> None:
    state = done(done(a_batch(LINE), "S1", 0, 4), "S2", 4, 40)
    told = notices(state, at(40))
    assert [(one.code, one.step) for one in told] == [("slack-low", StepId("S2"))]
    assert "34.00 h of it" in told[0].text
