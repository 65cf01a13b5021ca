"""One-time codes by the public vectors, and secrets that open only for their owner."""

import base64
import re
from pathlib import Path

import pytest

from mes.errors import Fault
from mes.people.second_factor import SecretBox, code, matching_step, new_secret, setup
from tests.people.builders import WALL_S

RFC_6238 = b"12345678901234567890"
STEP = int(WALL_S) // 30


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238(at: int, expected: str) -> None:
    assert code(RFC_6238, at) == expected
    assert matching_step(RFC_6238, expected, at) == at // 30


@pytest.mark.parametrize(("off_s", "step"), [(-60, None), (-30, -1), (0, 0), (29, 0), (30, 1), (60, None)])
def test_a_device_may_be_one_step_off(off_s: int, step: int | None) -> None:
    typed = code(RFC_6238, WALL_S + off_s)
    expected = None if step is None else STEP + step
    assert matching_step(RFC_6238, f" {typed} ", WALL_S) == expected


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\ud800" * 6, "-12345"])
def test_what_is_no_code_never_matches(typed: str) -> None:
    assert matching_step(RFC_6238, typed, WALL_S) is None


def test_the_setup_tells_the_secret_to_its_owner_only() -> None:
    secret = new_secret()
    told = setup(secret, "avisser", "Septima-site-a")
    assert base64.b32decode(told.secret) == secret
    assert re.match(r"otpauth://totp/Septima-site-a:avisser\?.*issuer=Septima-site-a", told.uri)
    assert told.secret not in repr(told)


def test_a_secret_opens_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "credentials.key"
    sealed = SecretBox.create(path).seal(RFC_6238, "site-a/P-ANNA/totp")
    assert RFC_6238 not in sealed
    assert SecretBox.load(path).open(sealed, "site-a/P-ANNA/totp") == RFC_6238
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("spoil", "owner"),
    [(lambda s: s, "site-a/P-BART/totp"), (lambda s: s[:-1] + bytes([s[-1] ^ 1]), "me"), (lambda s: s[:9], "me")],
)
def test_a_secret_copied_or_changed_does_not_open(tmp_path: Path, spoil: object, owner: str) -> None:
    box = SecretBox.create(tmp_path / "k")
    sealed = box.seal(RFC_6238, "me")
    with pytest.raises(Fault) as failed:
        box.open(spoil(sealed), owner)
    assert failed.value.code == "credential-unreadable"


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    SecretBox.create(tmp_path / "k")
    with pytest.raises(FileExistsError):
        SecretBox.create(tmp_path / "k")


@pytest.mark.parametrize(
    ("body", "mode", "code_"),
    [(b"x" * 32, 0o644, "key-file-readable-by-others"), (b"x" * 31, 0o600, "key-file-malformed")],
)
def test_a_key_file_is_checked(tmp_path: Path, body: bytes, mode: int, code_: str) -> None:
    (tmp_path / "k").write_bytes(body)
    (tmp_path / "k").chmod(mode)
    with pytest.raises(Fault) as failed:
        SecretBox.load(tmp_path / "k")
    assert failed.value.code == code_
