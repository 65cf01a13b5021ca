"""Repeated failures slow a guesser down and nobody else."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mes.errors import Refusal
from mes.people.attempts import MAX_REMEMBERED, Attempts
from tests.people.builders import Wall

ANNA, TOUCH = "avisser", "touch-1"


def wait_of(attempts: Attempts, name: str = ANNA, terminal: str = TOUCH) -> int:
    """Return the seconds that the next attempt is told to wait; 0 if it was let through."""
    try:
        attempts.begin(name, terminal)
    except Refusal as refused:
        return int(refused.facts["wait_s"])
    return 0


def failed(times: int) -> tuple[Attempts, Wall]:
    """Return attempts of which so many failed, each after the wait before it."""
    wall = Wall(0.0)
    attempts = Attempts(wall)
    for _ in range(times):
        wall.now += 60
        attempts.begin(ANNA, TOUCH)
    return attempts, wall


@pytest.mark.parametrize(("failures", "expected"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (8, 32), (12, 60)])
@pytest.mark.rule("REG-P11-300a-e")
def test_the_next_attempt_waits(failures: int, expected: int) -> None:
    attempts, _ = failed(failures)
    assert wait_of(attempts) == expected


def test_the_refusal_has_its_own_status() -> None:
    attempts, _ = failed(3)
    with pytest.raises(Refusal) as refused:
        attempts.begin(ANNA, TOUCH)
    assert (refused.value.code, refused.value.status) == ("too-many-attempts", 429)


def test_the_wait_ends() -> None:
    attempts, wall = failed(5)
    wall.now += 3.9
    assert wait_of(attempts) == 1
    wall.now += 0.2
    assert wait_of(attempts) == 0


def test_asking_during_the_wait_does_not_make_it_longer() -> None:
    attempts, wall = failed(5)
    for _ in range(50):
        wait_of(attempts)
    wall.now += 4
    assert wait_of(attempts) == 0


@pytest.mark.parametrize(("name", "terminal"), [("bdevos", TOUCH), (ANNA, "touch-2")])
def test_a_colleague_and_another_terminal_do_not_wait(name: str, terminal: str) -> None:
    attempts, _ = failed(12)
    assert wait_of(attempts, name, terminal) == 0


def test_success_and_time_wipe_the_slate() -> None:
    attempts, wall = failed(12)
    wall.now += 15 * 60 + 1
    assert attempts.begin(ANNA, TOUCH) == 1
    attempts.succeeded(ANNA, TOUCH)
    assert attempts.begin(ANNA, TOUCH) == 1


def test_a_hundred_at_once_count_as_a_hundred() -> None:
    attempts = Attempts(Wall(0.0))
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: wait_of(attempts), range(100)))
    assert waits.count(0) == 3


def test_made_up_names_do_not_fill_the_memory() -> None:
    attempts = Attempts(Wall(0.0))
    for number in range(MAX_REMEMBERED + 5):
        attempts.begin(f"name-{number}", TOUCH)
    assert attempts.remembered == MAX_REMEMBERED


def test_name_and_terminal_do_not_run_into_each_other() -> None:
    attempts = Attempts(Wall(0.0))
    for _ in range(3):
        attempts.begin("ab", "c")
    assert wait_of(attempts, "a", "bc") == 0
