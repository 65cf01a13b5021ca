"""Repeated failures slow a guesser down and nobody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mes.errors import Refusal
from mes.people.attempts import MAX_REMEMBERED, Attempts
from mes.people.sessions import Sessions
from tests.people.builders import Wall

ANNA, TOUCH = "avisser", "touch-1"


def wait_of(attempts: Attempts, name: str = ANNA, terminal: str = TOUCH) -> int:
    """Return the seconds that the next attempt is told to wait; 0 if it was let through."""
    try:
        attempts.begin(name, terminal)
    except Refusal as refused:
        return int(refused.facts["wait_s"])
    return 0


class Desk:
    """Makes counters on one sessions file, as often as a site restarts, and closes it at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wall = folder, Wall(1000.0)
        self.opened: list[Sessions] = []

    def attempts(self) -> Attempts:
        """Return counters that know what the file kept."""
        self.opened.append(Sessions(self.folder / "sessions.sqlite", wall=self.wall))
        return Attempts(self.opened[-1], b"k" * 32)

    def failed(self, times: int, terminal: str = TOUCH) -> Attempts:
        """Return counters of which so many failed, each after the wait before it."""
        attempts = self.attempts()
        for _ in range(times):
            self.wall.now += 60
            attempts.begin(ANNA, terminal)
        return attempts


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Give a desk."""
    made = Desk(tmp_path)
    yield made
    for sessions in made.opened:
        sessions.close()


@pytest.mark.parametrize(("failures", "expected"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (8, 32), (12, 60)])
@pytest.mark.rule("REG-P11-300a-e")
def test_the_next_attempt_waits(desk: Desk, failures: int, expected: int) -> None:
    assert wait_of(desk.failed(failures)) == expected


def test_the_refusal_has_its_own_status(desk: Desk) -> None:
    attempts = desk.failed(3)
    with pytest.raises(Refusal) as refused:
        attempts.begin(ANNA, TOUCH)
    assert (refused.value.code, refused.value.status) == ("too-many-attempts", 429)


def test_the_wait_ends(desk: Desk) -> None:
    attempts, wall = desk.failed(5), desk.wall
    wall.now += 3.9
    assert wait_of(attempts) == 1
    wall.now += 0.2
    assert wait_of(attempts) == 0


def test_asking_during_the_wait_does_not_make_it_longer(desk: Desk) -> None:
    attempts, wall = desk.failed(5), desk.wall
    for _ in range(50):
        wait_of(attempts)
    wall.now += 4
    assert wait_of(attempts) == 0


@pytest.mark.rule("SEC-11")
def test_a_colleague_and_the_usual_terminal_do_not_wait(desk: Desk) -> None:
    attempts = desk.attempts()
    attempts.succeeded(ANNA, "touch-2")
    for _ in range(12):
        desk.wall.now += 60
        attempts.begin(ANNA, TOUCH)
    assert wait_of(attempts, "bdevos", TOUCH) == 0
    assert wait_of(attempts, ANNA, "touch-2") == 0


@pytest.mark.rule("SEC-11", negative=True)
def test_a_guesser_who_is_a_new_terminal_each_time_waits(desk: Desk) -> None:
    attempts = desk.attempts()
    waits = [wait_of(attempts, ANNA, f"T-{number}") for number in range(20)]
    assert waits == [0, 0, 0, *([1] * 17)]


@pytest.mark.rule("REG-P11-300a-e", negative=True)
def test_a_restart_does_not_wipe_the_slate(desk: Desk) -> None:
    desk.failed(8)
    assert wait_of(desk.attempts()) == 32
    usual = desk.attempts()
    usual.succeeded("bdevos", TOUCH)
    again = desk.attempts()
    for _ in range(5):
        desk.wall.now += 60
        again.begin("bdevos", "T-elsewhere")
    assert wait_of(again, "bdevos", TOUCH) == 0


def test_a_clock_that_was_set_back_makes_no_wait_longer(desk: Desk) -> None:
    attempts = desk.failed(5)
    desk.wall.now -= 86_400
    assert wait_of(attempts) == 4


def test_no_name_lies_in_the_file(desk: Desk) -> None:
    desk.failed(3)
    kept = b"".join(path.read_bytes() for path in desk.folder.iterdir())
    assert ANNA.encode() not in kept


def test_success_and_time_wipe_the_slate(desk: Desk) -> None:
    attempts, wall = desk.failed(12), desk.wall
    wall.now += 15 * 60 + 1
    assert attempts.begin(ANNA, TOUCH) == 1
    attempts.succeeded(ANNA, TOUCH)
    assert attempts.begin(ANNA, TOUCH) == 1


def test_a_hundred_at_once_count_as_a_hundred(desk: Desk) -> None:
    attempts = desk.attempts()
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: wait_of(attempts), range(100)))
    assert waits.count(0) == 3


def test_made_up_names_do_not_fill_the_memory(desk: Desk) -> None:
    attempts = desk.attempts()
    for number in range(MAX_REMEMBERED + 5):
        attempts.begin(f"name-{number}", TOUCH)
    assert attempts.remembered == MAX_REMEMBERED


def test_name_and_terminal_do_not_run_into_each_other(desk: Desk) -> None:
    attempts = desk.attempts()
    for _ in range(3):
        attempts.begin("ab", "c")
    assert wait_of(attempts, "a", "bc") == 0
