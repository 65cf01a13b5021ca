"""Record time: aware, UTC, held or running, never back; and every change of plan is seen by every reader."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mes.clock import MAX_FACTOR, Conductor, HeldClock, SimulatedClock, SystemClock
from mes.errors import Fault

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND_NS = 1_000_000_000


class Monotonic:
    """A monotonic clock that a test winds forward."""

    def __init__(self, ns: int = 0) -> None:
        self.ns = ns

    def __call__(self) -> int:
        return self.ns


def running(path, *, until=None, factor=60.0, anchor_ns=0):
    path.write_text(json.dumps({
        "state": "running", "now": START.isoformat(), "until": until.isoformat() if until else None,
        "factor": factor, "anchor_ns": anchor_ns,
    }))  # fmt: skip


def test_the_system_clock_is_aware_and_real():
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert SystemClock.simulated is False


def test_a_held_clock_moves_forward_only_when_told():
    clock = HeldClock(datetime(2026, 11, 1, 9, tzinfo=timezone(HOUR)))
    assert clock.now() == START
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.advance(HOUR) == START + HOUR
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-timedelta(microseconds=1))


@pytest.mark.parametrize(
    "act",
    [
        lambda path, conductor: HeldClock(START.replace(tzinfo=None)),
        lambda path, conductor: Conductor(path, START.replace(tzinfo=None)),
        lambda path, conductor: conductor.hand_over(START.replace(tzinfo=None)),
        lambda path, conductor: conductor.run(START.replace(tzinfo=None), 1),
    ],
    ids=["held clock", "conductor", "hand over", "run until"],
)
def test_a_naive_time_is_no_time(tmp_path, act):
    path = tmp_path / "clock.json"
    conductor = Conductor(path, START)
    with pytest.raises((ValueError, TypeError)):
        act(path, conductor)
    assert conductor.clock.now() == START


def test_a_held_plan_stands_still(tmp_path):
    conductor = Conductor(tmp_path / "clock.json", START)
    assert conductor.clock.now() == START
    assert not conductor.clock.running
    assert conductor.clock.simulated


@pytest.mark.parametrize(
    ("passed_s", "until", "expected"),
    [
        (0, None, START), (60, None, START + HOUR), (60, START + HOUR / 2, START + HOUR / 2),
        (60, START + 2 * HOUR, START + HOUR), (-5, None, START),
    ],
    ids=["at the anchor", "an hour at factor 60", "at most until", "until lies ahead", "another boot's monotonic"],
)  # fmt: skip
def test_a_running_plan(tmp_path, passed_s, until, expected):
    path, monotonic = tmp_path / "clock.json", Monotonic(10 * SECOND_NS)
    running(path, until=until, anchor_ns=monotonic.ns)
    monotonic.ns += passed_s * SECOND_NS
    clock = SimulatedClock(path, monotonic)
    assert clock.now() == expected
    assert clock.running
    assert clock.factor == 60.0


def test_a_conductor_runs_to_the_goal_and_holds_there(tmp_path):
    conductor = Conductor(tmp_path / "clock.json", START)
    reader = SimulatedClock(tmp_path / "clock.json")
    conductor.run(START + HOUR, MAX_FACTOR)
    while reader.now() < START + HOUR:
        assert reader.running
        time.sleep(0.005)
    conductor.hold()
    assert reader.now() == START + HOUR
    assert not reader.running


@pytest.mark.parametrize("factor", [0, 0.5, -1, MAX_FACTOR + 1, float("nan")])
def test_a_factor_out_of_range(tmp_path, factor):
    with pytest.raises(ValueError, match="factor"):
        Conductor(tmp_path / "clock.json", START).run(None, factor)


@pytest.mark.parametrize("back", [timedelta(microseconds=1), HOUR])
def test_time_never_goes_back(tmp_path, back):
    path = tmp_path / "clock.json"
    conductor = Conductor(path, START)
    for act in (
        lambda: conductor.hand_over(START - back), lambda: conductor.run(START - back, 1),
        lambda: Conductor(path, START - back),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="never goes back"):
            act()
    assert SimulatedClock(path).now() == START


def test_handing_over_goes_on_at_factor_one(tmp_path):
    conductor = Conductor(tmp_path / "clock.json", START)
    conductor.hand_over(START + HOUR)
    assert conductor.clock.factor == 1.0
    first = conductor.clock.now()
    assert START + HOUR <= first < START + HOUR + timedelta(minutes=1)


def test_a_conductor_without_start_goes_on_where_the_plan_is(tmp_path):
    Conductor(tmp_path / "clock.json", START)
    assert Conductor(tmp_path / "clock.json").clock.now() == START


def test_plans_in_quick_succession_are_all_seen(tmp_path):
    conductor = Conductor(tmp_path / "clock.json", START)
    reader = SimulatedClock(tmp_path / "clock.json")
    for minutes in range(1, 300):
        assert reader.now() <= START + timedelta(minutes=minutes)
        conductor.hand_over(START + timedelta(minutes=minutes))
        conductor.hold()
        assert not reader.running


def test_threads_that_share_a_clock_never_see_it_go_back(tmp_path):
    conductor = Conductor(tmp_path / "clock.json", START)
    shared = SimulatedClock(tmp_path / "clock.json")
    ended, wrong = threading.Event(), []

    def watch() -> None:
        last = START
        while not ended.is_set():
            now = shared.now()
            if now < last:
                wrong.append((last, now))
            last = now

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for one in watchers:
        one.start()
    for step in range(1, 60):
        goal = START + step * timedelta(minutes=3)
        conductor.run(goal, MAX_FACTOR)
        while conductor.clock.now() < goal:
            time.sleep(0.001)
        conductor.hold()
    ended.set()
    for one in watchers:
        one.join()
    assert wrong == []


@pytest.mark.parametrize("body", [None, "", "{", '{"state": '], ids=["missing", "empty", "cut", "cut later"])
def test_an_unreadable_plan_is_a_fault(tmp_path, body):
    path = tmp_path / "clock.json"
    if body is not None:
        path.write_text(body)
    with pytest.raises(Fault) as fault:
        SimulatedClock(path).now()
    assert fault.value.code == "clock-unreadable"
    assert fault.value.facts["path"] == str(path)
