"""Password hashes: right, wrong, missing, outdated; never more than two at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest

from mes.errors import Fault
from mes.people.passwords import PRODUCTION, Hasher, HashParameters
from tests.people.builders import CHEAP, PASSWORD

CHEAP_HASHER = Hasher(CHEAP)


@pytest.mark.rule("SEC-13")
def test_production_parameters_are_the_agreed_ones() -> None:
    assert HashParameters(passes=2, memory_kib=19_456, lanes=1) == PRODUCTION
    assert Hasher(PRODUCTION).hash(PASSWORD).startswith(b"$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.rule("SEC-14", negative=True)
@pytest.mark.parametrize(
    ("typed", "right"),
    [
        (PASSWORD, True),
        (PASSWORD + " ", False),
        (PASSWORD.lower(), False),
        ("", False),
        ("x" * 100_000, False),
        ("\ud800", False),
    ],
)
def test_a_password_is_checked_whole(typed: str, right: bool) -> None:
    assert CHEAP_HASHER.is_right(CHEAP_HASHER.hash(PASSWORD), typed) is right


@pytest.mark.rule("SEC-14")
def test_two_keyboards_type_the_same_password() -> None:
    assert CHEAP_HASHER.is_right(CHEAP_HASHER.hash("Caf\u00e9 au lait noir"), "Cafe\u0301 au lait noir")


@pytest.mark.rule("SEC-14")
@pytest.mark.rule("SEC-14", negative=True)
def test_the_longest_password_is_not_cut() -> None:
    stored = CHEAP_HASHER.hash("a" * 256)
    assert CHEAP_HASHER.is_right(stored, "a" * 256)
    assert not CHEAP_HASHER.is_right(stored, "a" * 255)
    assert not CHEAP_HASHER.is_right(stored, "a" * 257)


def test_nothing_stored_is_never_right() -> None:
    assert not CHEAP_HASHER.is_right(None, "nobody has this password")


def test_a_spoilt_hash_is_a_fault_and_not_a_wrong_password() -> None:
    with pytest.raises(Fault) as failed:
        CHEAP_HASHER.is_right(b"plain text", PASSWORD)
    assert failed.value.code == "credential-unreadable"


@pytest.mark.rule("SEC-13", negative=True)
def test_cheaper_hashes_are_outdated() -> None:
    dearer = Hasher(HashParameters(passes=2, memory_kib=16, lanes=1))
    assert dearer.is_outdated(CHEAP_HASHER.hash(PASSWORD))
    assert not CHEAP_HASHER.is_outdated(CHEAP_HASHER.hash(PASSWORD))


@pytest.mark.rule("SEC-12")
def test_an_unknown_name_costs_as_much_as_a_wrong_password() -> None:
    hasher = Hasher(HashParameters(passes=1, memory_kib=8192, lanes=1))
    stored = hasher.hash(PASSWORD)

    def median_cpu_s(kept: bytes | None) -> float:
        spent = []
        for _ in range(9):
            begun = time.thread_time()
            hasher.is_right(kept, "wrong")
            spent.append(time.thread_time() - begun)
        return sorted(spent)[4]

    assert median_cpu_s(None) > median_cpu_s(stored) / 3


def test_no_more_than_two_hashes_run_at_once() -> None:
    running, most, lock = 0, 0, Lock()

    class Counting(Hasher):
        """Stands in for the argon2 call and counts who is inside it."""

        def __init__(self) -> None:
            super().__init__(CHEAP)
            self._argon2 = self

        def verify(self, encoded: str, password: bytes) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1
            return True

    hasher = Counting()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: hasher.is_right(b"x", PASSWORD), range(16)))
    assert most == 2
