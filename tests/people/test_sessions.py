"""How long a session lasts, what a stolen file is worth, and that a code counts once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mes.ids import PersonId
from mes.people.sessions import Sessions
from tests.people.builders import Wall

ANNA, BART = PersonId("P-ANNA"), PersonId("P-BART")
MIN_S, H_S = 60.0, 3600.0


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def sessions(tmp_path: Path, wall: Wall) -> Iterator[Sessions]:
    made = Sessions(tmp_path / "sessions.sqlite", wall=wall)
    yield made
    made.close()


def test_a_session_is_found_by_its_token(sessions: Sessions) -> None:
    token = sessions.start(ANNA, "touch-1")
    found = sessions.find(token)
    assert found is not None
    assert (found.person, found.terminal, found.signed_before) == (ANNA, "touch-1", False)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "' OR 1=1 --"])
def test_no_other_token_finds_one(sessions: Sessions, token: str) -> None:
    sessions.start(ANNA, "touch-1")
    assert sessions.find(token) is None


@pytest.mark.parametrize(
    ("pauses", "lasts"),
    [
        ([15 * MIN_S], True),
        ([15 * MIN_S + 1], False),
        ([10 * MIN_S] * 70, True),
        ([10 * MIN_S] * 73, False),
        ([16 * MIN_S, 0.0], False),
    ],
)
def test_a_session_ends_when_idle_and_after_a_working_day(
    sessions: Sessions, wall: Wall, pauses: list[float], lasts: bool
) -> None:
    token = sessions.start(ANNA, "touch-1")
    found = None
    for pause in pauses:
        wall.now += pause
        found = sessions.find(token)
    assert (found is not None) is lasts


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(sessions: Sessions, wall: Wall) -> None:
    token = sessions.start(ANNA, "touch-1")
    found = []
    for _ in range(16):
        wall.now += MIN_S
        found.append(sessions.find(token, is_activity=False) is not None)
    assert found == [True] * 15 + [False]


def test_an_idle_session_cannot_sign(sessions: Sessions, wall: Wall) -> None:
    token = sessions.start(ANNA, "touch-1")
    found = sessions.find(token)
    assert found is not None
    assert sessions.signed_before(found.token_hash) is False
    sessions.mark_signed(found.token_hash)
    assert sessions.signed_before(found.token_hash) is True
    wall.now += 15 * MIN_S + 1
    assert sessions.signed_before(found.token_hash) is None


def test_a_new_session_has_signed_nothing(sessions: Sessions) -> None:
    first = sessions.find(sessions.start(ANNA, "touch-1"))
    assert first is not None
    sessions.mark_signed(first.token_hash)
    second = sessions.find(sessions.start(ANNA, "touch-1"))
    assert second is not None
    assert not second.signed_before


def test_ending_one_and_ending_all(sessions: Sessions) -> None:
    one, two, other = sessions.start(ANNA, "t1"), sessions.start(ANNA, "t2"), sessions.start(BART, "t1")
    sessions.end(one)
    assert [sessions.find(token) is None for token in (one, two, other)] == [True, False, False]
    assert sessions.end_all(ANNA) == 1
    assert [sessions.find(token) is None for token in (one, two, other)] == [True, True, False]


def test_a_stolen_file_signs_nobody_in(sessions: Sessions, tmp_path: Path) -> None:
    token = sessions.start(ANNA, "touch-1")
    found = sessions.find(token)
    assert found is not None
    stolen = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert found.token_hash.encode() in stolen
    assert token.encode() not in stolen
    assert found.csrf.encode() not in stolen
    assert sessions.find(found.token_hash) is None
    assert (tmp_path / "sessions.sqlite").stat().st_mode & 0o077 == 0


def test_every_session_has_its_own_csrf_token(sessions: Sessions) -> None:
    tokens = [sessions.start(ANNA, "touch-1") for _ in range(2)]
    csrf = {found.csrf for token in tokens if (found := sessions.find(token))}
    assert len(csrf) == 2


@pytest.mark.parametrize(
    ("used", "step", "counts"),
    [([], 100, True), ([100], 100, False), ([100], 99, False), ([100], 101, True), ([99, 101], 100, False)],
)
def test_a_code_counts_once(sessions: Sessions, used: list[int], step: int, counts: bool) -> None:
    for earlier in used:
        sessions.use_code(ANNA, earlier)
    assert sessions.use_code(BART, step)
    assert sessions.use_code(ANNA, step) is counts


def test_used_codes_and_sessions_outlive_a_restart(sessions: Sessions, tmp_path: Path, wall: Wall) -> None:
    token = sessions.start(ANNA, "touch-1")
    sessions.use_code(ANNA, 100)
    sessions.close()
    again = Sessions(tmp_path / "sessions.sqlite", wall=wall)
    assert again.find(token) is not None
    assert not again.use_code(ANNA, 100)
    again.close()


def test_old_sessions_are_swept_away(sessions: Sessions, wall: Wall) -> None:
    for _ in range(20):
        sessions.start(ANNA, "touch-1")
    wall.now += 13 * H_S
    sessions.start(BART, "touch-1")
    assert sessions.end_all(ANNA) == 0
