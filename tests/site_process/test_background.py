"""What runs beside the requests: goes on after a failure, ends its process over a mistake, signs hourly."""

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from mes.clock import HeldClock
from mes.errors import Fault, IntegrityBreach, Refusal
from mes.site_process.background import FAULT_S, Heartbeat, Loop

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def await_so(met, most_s: float = 5.0) -> bool:
    deadline = time.monotonic() + most_s
    while not met() and time.monotonic() < deadline:
        time.sleep(0.005)
    return bool(met())


class Work:
    """Work that fails as told, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.done: list[float] = []

    def __call__(self) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        self.done.append(time.monotonic())
        return len(self.done) < 5


def test_a_loop_works_until_told_to_stop():
    work = Work()
    loop = Loop("test", work)
    loop.start()
    assert await_so(lambda: len(work.done) > 6)
    loop.stop()
    assert not loop.is_alive()
    assert work.done[4] - work.done[0] < work.done[6] - work.done[4]  # busy first, then idle pauses


@pytest.mark.parametrize(
    "failure",
    [Fault("ledger-unavailable", cause="x"), Refusal("somebody-was-faster"), IntegrityBreach("x"), OSError("x")],
    ids=lambda error: type(error).__name__,
)
def test_a_loop_notes_a_failure_and_goes_on_after_a_pause(failure):
    work = Work(failure)
    loop = Loop("test", work)
    loop.start()
    begun = time.monotonic()
    assert await_so(lambda: loop.failure is not None)
    assert loop.failure == str(failure)
    assert await_so(lambda: bool(work.done))
    assert work.done[0] - begun > FAULT_S * 0.8
    assert await_so(lambda: loop.failure is None)
    loop.stop()


def test_a_loop_that_waits_after_a_failure_stops_at_once():
    loop = Loop("test", Work(OSError("x")))
    loop.start()
    assert await_so(lambda: loop.failure is not None)
    begun = time.monotonic()
    loop.stop()
    assert time.monotonic() - begun < FAULT_S / 2


def test_a_mistake_of_the_program_ends_the_process_for_its_supervisor():
    script = (
        "import time\n"
        "from mes.site_process.background import Loop\n"
        "Loop('test', lambda: 1 // 0 == 0).start()\n"
        "time.sleep(20)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=15)
    assert ended.returncode == -15
    assert "background-died" in ended.stdout
    assert "ZeroDivisionError" in ended.stdout


class Beats:
    """Remembers when it was asked to beat; may fail first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.at: list[datetime] = []

    def __call__(self, now: datetime) -> str:
        if self.failures:
            self.failures -= 1
            raise Fault("ledger-unavailable", cause="disk")
        self.at.append(now)
        return "note"


@pytest.mark.parametrize(
    ("moves", "beats"),
    [
        ([0, 59], []), ([60], [60]), ([59, 1], [60]), ([60, 59], [60]), ([60, 60], [60, 120]),
        ([180], [180]), ([90, 59, 1], [90, 150]),
    ],
)  # fmt: skip
def test_the_tree_is_signed_hourly_of_record_time(moves, beats):
    clock, beat = HeldClock(START), Beats()
    heartbeat = Heartbeat(clock, beat, START)
    for minutes in moves:
        clock.advance(minutes * MINUTE)
        assert heartbeat.step() is False
    assert beat.at == [START + minutes * MINUTE for minutes in beats]


def test_a_beat_that_failed_is_tried_again():
    clock, beat = HeldClock(START + 60 * MINUTE), Beats(failures=1)
    heartbeat = Heartbeat(clock, beat, START)
    with pytest.raises(Fault):
        heartbeat.step()
    heartbeat.step()
    assert beat.at == [START + 60 * MINUTE]


def test_loops_are_daemons_so_that_no_worker_hangs_on_them():
    loop = Loop("test", lambda: False)
    assert loop.daemon
    assert isinstance(loop, threading.Thread)
