"""The checkpoint that lies outside the database: an older copy, another tree and a damaged note are refused."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, delete

from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ids import new_op
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.database import open_engine
from mes.ledger.kept_note import KeptNote
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.ledger.tables import CHECKPOINT
from tests.ledger.builders import KEY, NURSE, a_ledger, at, reopened, write
from tests.ledger.forging import as_owner, cut, rewritten


def grown(ledger: Ledger, entries: int) -> None:
    """Append so many operations."""
    for n in range(entries):
        ledger.append(new_op(), [write("run/R1")], actor=NURSE, now=at(n))


def kept_by(url: str, path: Path, entries: int = 20) -> str:
    """Make a ledger that keeps its notes in `path`, and return the newest note."""
    with a_ledger(url) as ledger:
        ledger.keep_notes(KeptNote(path))
        grown(ledger, entries)
        return ledger.checkpoint(at(entries))


def unsigned(connection: Connection) -> None:
    """Forget every checkpoint, as somebody does who cuts a ledger together with its checkpoints."""
    connection.execute(delete(CHECKPOINT))


def altered(url: str, *acts: object) -> None:
    """Do what the database's owner can do."""
    engine = open_engine(url)
    with as_owner(engine) as connection:
        for act in acts:
            act(connection)
    engine.dispose()


@pytest.mark.rule("TE-06", "REL-P5")
def test_every_checkpoint_is_kept_outside_the_database_too(ledger_url: str, tmp_path: Path) -> None:
    path = tmp_path / "last-checkpoint.txt"
    assert kept_by(ledger_url, path) == path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    with reopened(ledger_url) as ledger:
        ledger.keep_notes(KeptNote(path))
        grown(ledger, 3)
        ledger.checkpoint(at(30), 5)  # an earlier size than the one that is kept
        assert KeptNote(path).read() == Checkpoint(KEY.name, 21, ledger.kept.read().root)
        assert ledger.heartbeat(at(31)) == path.read_text()


def test_a_site_from_before_begins_to_keep_its_newest_note(ledger_url: str, tmp_path: Path) -> None:
    with a_ledger(ledger_url) as ledger:
        note = ledger.checkpoint(at(1))
        ledger.keep_notes(KeptNote(tmp_path / "last-checkpoint.txt"))
    assert (tmp_path / "last-checkpoint.txt").read_text() == note


@pytest.mark.rule("TE-18", "FLT-12", negative=True)
def test_an_older_copy_is_refused_although_it_agrees_with_itself(ledger_url: str, tmp_path: Path) -> None:
    path = tmp_path / "last-checkpoint.txt"
    kept_by(ledger_url, path)
    altered(ledger_url, cut(12), unsigned)
    with reopened(ledger_url) as ledger:
        with pytest.raises(Refusal, match="ledger-older-copy") as older:
            ledger.keep_notes(KeptNote(path))
        assert (older.value.facts["found"], older.value.facts["kept"]) == (12, 21)
        assert ledger.breaches.held == set()


@pytest.mark.rule("TE-12", "REL-P4", negative=True)
def test_a_rewritten_ledger_is_a_breach(ledger_url: str, tmp_path: Path) -> None:
    path, breaches = tmp_path / "last-checkpoint.txt", tmp_path / "breach.jsonl"
    kept_by(ledger_url, path)
    altered(ledger_url, rewritten(4, reason="better so"), unsigned)
    with reopened(ledger_url, breach_path=breaches) as ledger:
        with pytest.raises(IntegrityBreach, match="first 21 entries are not those that were signed"):
            ledger.keep_notes(KeptNote(path))
        assert ledger.breaches.held == {"*"}


@pytest.mark.rule("FLT-12", negative=True)
@pytest.mark.parametrize("spoil", ["cut", "bytes", "other key", "empty", "long"])
def test_a_kept_note_that_cannot_be_relied_on_is_refused(tmp_path: Path, spoil: str) -> None:
    url, path = f"sqlite:///{tmp_path / 'site.sqlite'}", tmp_path / "last-checkpoint.txt"
    note = kept_by(url, path)
    text = note.partition("\n\n")[0] + "\n"
    path.write_bytes({
        "cut": note[:40].encode(), "bytes": b"\xff\xfe", "empty": b"", "long": b"x" * 70_000,
        "other key": SiteKey(KEY.name, b"k" * 32).signed_note(text).encode(),
    }[spoil])  # fmt: skip
    with reopened(url) as ledger, pytest.raises(Refusal, match="kept-checkpoint-damaged"):
        ledger.keep_notes(KeptNote(path))


def test_the_note_of_an_earlier_generation_does_not_stop_the_next(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path / 'site.sqlite'}", tmp_path / "last-checkpoint.txt"
    earlier = SiteKey("septima/site-one/1", b"k" * 32)
    path.write_text(earlier.signed_note(Checkpoint(earlier.name, 900, b"r" * 32).text))
    key, engine = KEY.named("septima/site-one/2"), open_engine(url)
    ledger = Ledger.continue_generation(
        engine, site="site-one", tz="UTC", key=key, now=at(0), clock="real", software="x", evidence="lost",
        previous=Checkpoint(earlier.name, 900, b"r" * 32), actor=NURSE,
    )  # fmt: skip
    ledger.keep_notes(KeptNote(path))
    assert ledger.checkpoint(at(1)) == path.read_text()
    ledger.close()
    engine.dispose()


def test_a_disk_that_refuses_is_a_fault_and_the_checkpoint_stands(tmp_path: Path) -> None:
    with a_ledger(f"sqlite:///{tmp_path / 'site.sqlite'}") as ledger:
        ledger.keep_notes(KeptNote(tmp_path / "gone" / "last-checkpoint.txt"))
        with pytest.raises(Fault, match="checkpoint-not-kept"):
            ledger.checkpoint(at(1))
        assert ledger.checkpoint_at(1) is not None
