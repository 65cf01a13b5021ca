"""The site's key file: who may read it, and what a damaged one does."""

import stat
from pathlib import Path

import pytest

from mes.errors import Fault
from mes.ledger.keys import SiteKey
from mes.ledger.notes import parse_note, parse_vkey, verified

NAME = "septima/site-one/1"


def test_a_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "site.key"
    made = SiteKey.create(path, NAME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    loaded = SiteKey.load(path)
    assert (loaded.name, loaded.public, loaded.vkey) == (NAME, made.public, made.vkey)
    assert verified(parse_note(loaded.signed_note("text\n")), [parse_vkey(made.vkey)])


def test_an_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    SiteKey.create(tmp_path / "site.key", NAME)
    with pytest.raises(FileExistsError):
        SiteKey.create(tmp_path / "site.key", NAME)


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    SiteKey.create(path, NAME)
    path.chmod(0o640)
    with pytest.raises(Fault, match="key-file-readable-by-others"):
        SiteKey.load(path)


@pytest.mark.parametrize("change", [("PRIVATE", "PUBLIC"), ("site-one", "site-two"), ("+A", "+B"), ("+", "-")])
def test_a_damaged_key_is_not_used(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "site.key"
    SiteKey(NAME, b"k" * 32).saved(path)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(Fault, match="key-file-malformed"):
        SiteKey.load(path)


def test_the_same_secret_under_the_next_generation_has_another_key_id() -> None:
    first = SiteKey(NAME, b"k" * 32)
    second = first.named("septima/site-one/2")
    assert first.public == second.public
    assert first.verifier.key_id != second.verifier.key_id
