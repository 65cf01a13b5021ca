"""Processes are kept: started, restarted with growing pauses, ended together, whatever one of them does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mes.site_process.supervise import BACK_OFF_S, STEADY_S, Kept, Supervisor, last_words, site_processes

SLEEPS = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
ENDS = [sys.executable, "-S", "-c", "raise SystemExit(3)"]
STUBBORN = [
    sys.executable, "-S", "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]  # fmt: skip


class Monotonic:
    """A monotonic clock that a test winds forward; `per_call_s` lets waiting end soon."""

    def __init__(self, per_call_s: float = 0.0) -> None:
        self.now, self.per_call_s = 1000.0, per_call_s

    def __call__(self) -> float:
        self.now += self.per_call_s
        return self.now


@pytest.fixture
def supervised(tmp_path):
    """Give a maker of supervisors, whose children end with the test."""
    made: list[Supervisor] = []

    def make(*commands: list[str]) -> tuple[Supervisor, list[Kept], Monotonic]:
        kept = [Kept(f"p{n}", argv, tmp_path / "logs" / f"p{n}.log") for n, argv in enumerate(commands)]
        clock = Monotonic()
        made.append(Supervisor(kept, clock))
        return made[-1], kept, clock

    yield make
    for one in made:
        one.stop()


def ended(one: Kept) -> None:
    assert one.process is not None
    one.process.wait(10)


def test_what_is_kept_runs_and_writes_to_its_log(supervised):
    supervisor, (one, two), _ = supervised(SLEEPS, [sys.executable, "-S", "-c", "print('hello')"])
    supervisor.look()
    assert one.process.poll() is None
    ended(two)
    assert two.log_path.read_text() == "hello\n"


def test_what_was_killed_is_started_anew_after_its_pause(supervised):
    supervisor, (one,), clock = supervised(SLEEPS)
    supervisor.look()
    first = one.process.pid
    clock.now += STEADY_S + 1
    os.kill(first, signal.SIGKILL)
    ended(one)
    supervisor.look()
    assert one.process is None
    clock.now += BACK_OFF_S[0]
    supervisor.look()
    assert one.process.pid != first
    assert one.process.poll() is None


def test_pauses_grow_to_a_bound_and_begin_anew_after_a_steady_life(supervised):
    supervisor, (one,), clock = supervised(ENDS)
    pauses = []
    for _ in range(len(BACK_OFF_S) + 2):
        supervisor.look()
        ended(one)
        supervisor.look()
        pauses.append(round(one.restart_at - clock.now, 3))
        clock.now = one.restart_at
    assert pauses == [*BACK_OFF_S[1:], BACK_OFF_S[-1], BACK_OFF_S[-1], BACK_OFF_S[-1]]
    supervisor.look()
    ended(one)
    clock.now += STEADY_S + 1
    supervisor.look()
    assert round(one.restart_at - clock.now, 3) == BACK_OFF_S[0]


def test_one_that_cannot_start_does_not_take_the_others_with_it(supervised, tmp_path):
    supervisor, (bad, good), clock = supervised([str(tmp_path / "no-such-program")], SLEEPS)
    supervisor.look()
    assert bad.process is None
    assert bad.restart_at > clock.now
    assert good.process.poll() is None
    bad.argv = SLEEPS
    clock.now = bad.restart_at
    supervisor.look()
    assert bad.process.poll() is None


def test_stopping_asks_first_and_then_insists(tmp_path):
    gentle = Kept("gentle", SLEEPS, tmp_path / "gentle.log")
    stubborn = Kept("stubborn", STUBBORN, tmp_path / "stubborn.log")
    supervisor = Supervisor([gentle, stubborn], Monotonic(per_call_s=4.0))
    supervisor.look()
    while "up" not in stubborn.log_path.read_text():
        time.sleep(0.01)
    supervisor.stop()
    assert gentle.process.returncode == -signal.SIGTERM
    assert stubborn.process.returncode == -signal.SIGKILL


def test_a_supervisor_that_is_told_to_end_ends_its_children(tmp_path):
    pid = tmp_path / "pid"
    child = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = (
        "import sys; from pathlib import Path\n"
        "from mes.site_process.supervise import Kept, Supervisor\n"
        f"Supervisor([Kept('child', [sys.executable, '-S', '-c', {child!r}], Path({str(tmp_path / 'log')!r}))]).run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_child_gets_its_own_environment_beside_the_inherited(tmp_path):
    show = [sys.executable, "-S", "-c", "import os; print(os.environ['OWN'], 'PATH' in os.environ)"]
    one = Kept("one", show, tmp_path / "one.log", environment={"OWN": "yes"})
    Supervisor([one]).look()
    ended(one)
    assert one.log_path.read_text() == "yes True\n"


def test_the_processes_of_a_site():
    kept = site_processes(Path("/site"))
    assert [one.name for one in kept] == ["serve", "collect"]
    for one in kept:
        assert list(one.argv) == [sys.executable, "-m", "mes", one.name, "--site", "/site"]
        assert one.log_path == Path("/site/logs") / f"{one.name}.log"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (b"Error: The clock is off. Correct it. [clock-far-from-record]\n", ": Error: The clock is off. Correct it. "
         "[clock-far-from-record]"),
        (b"x" * 5_000 + b"\nError: new\n[2026] [INFO] Shutting down\n", ": Error: new"),
        (b'Error: of an earlier start\n{"event": "background-died"}\n', ""),
        (b"hello\n", ""), (b"\xff\xfe", ""), (None, ""),
    ],
)  # fmt: skip
def test_why_a_process_could_not_begin_stands_in_the_supervisors_log(tmp_path, log, words):
    path = tmp_path / "p.log"
    if log is not None:
        path.write_bytes(log)
    assert last_words(path) == words
