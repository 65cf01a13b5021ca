"""A lost tail put back from a copy: byte for byte and signed, or not at all."""

import json
from pathlib import Path

import pytest

from mes.errors import IntegrityBreach, Refusal
from mes.ids import new_op
from mes.ledger.content import new_content
from mes.ledger.database import open_engine
from mes.ledger.entry import Write
from mes.ledger.keys import SiteKey
from mes.ledger.reader import LedgerReader
from mes.ledger.reseeding import Reseeded, copy_ledger, reseed
from mes.ledger.site_events import ContentRemoved
from mes.ledger.store import Ledger
from mes.ledger.tables import CHECKPOINT, CONTENT, CONTENT_REMOVAL
from mes.ledger.verify import verify_ledger
from tests.ledger.builders import KEY, NURSE, SITE, a_ledger, at, draft, reopened, write
from tests.ledger.forging import as_owner, cut, flip
from tests.ledger.test_key_book import SECOND, rotate

SIZE = 60


def story(ledger: Ledger) -> None:
    """Sixty entries in three streams, with content, one removal, a rotation, and checkpoints."""
    kept, gone = new_content("kept words"), new_content("words to go")
    for n in range(20):
        ledger.append(new_op(), [write("batch/B1"), write("run/R1", draft(n=n))], actor=NURSE, now=at(n))
    ledger.checkpoint(at(21))
    for n, content in ((22, kept), (23, gone)):
        data = {"note": content.as_reference()}
        ledger.append(new_op(), [write("batch/B2", draft(**data))], actor=NURSE, now=at(n), contents=[content])
    removal = ContentRemoved(gone.digest, "wish of the patient").draft(reason="x")
    ledger.append(new_op(), [Write(write("batch/B2").stream, (removal,))], actor=NURSE, now=at(24))
    rotate(ledger, SECOND, 25, KEY)
    while ledger.size < SIZE:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(ledger.size))
    ledger.checkpoint(at(100))


@pytest.fixture
def copied(ledger_url: str, tmp_path: Path) -> Path:
    """Make a ledger and its copy, and cut the ledger's tail after 41 of 60 entries."""
    with a_ledger(ledger_url) as ledger:
        story(ledger)
        assert copy_ledger(ledger, tmp_path / "copy") == SIZE
    lose(ledger_url, 41)
    return tmp_path / "copy"


def lose(url: str, size: int) -> None:
    engine = open_engine(url)
    with as_owner(engine) as connection:
        for table in (CONTENT_REMOVAL, CONTENT):
            connection.execute(table.delete())
        connection.execute(CHECKPOINT.delete().where(CHECKPOINT.c.size > size))
        cut(size)(connection)
    engine.dispose()


def seed(url: str, folder: Path) -> Reseeded:
    engine = open_engine(url)
    try:
        return reseed(engine, folder, site=SITE, gen=1)
    finally:
        engine.dispose()


def bodies(url: str) -> list[bytes]:
    with reopened(url, key=SECOND) as ledger:
        return [entry.body for entry in ledger.entries()]


@pytest.mark.rule("TE-13", "TE-18")
def test_a_lost_tail_comes_back_byte_for_byte(ledger_url: str, copied: Path) -> None:
    assert seed(ledger_url, copied).from_size == 41
    assert b"\n".join(bodies(ledger_url)) + b"\n" == (copied / "entries.jsonl").read_bytes()
    engine = open_engine(ledger_url)
    found = verify_ledger(engine)
    engine.dispose()
    assert (found.size, found.signed_size, found.key) == (SIZE, SIZE, SECOND.verifier)
    with reopened(ledger_url, key=SECOND) as ledger:  # the same generation goes on
        (entry,) = ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(200))
        assert (ledger.gen, entry.index) == (1, SIZE)
    lines = (copied / "entries.jsonl").read_bytes().splitlines(keepends=True)
    (copied / "entries.jsonl").write_bytes(b"".join(lines[:50]))
    with pytest.raises(Refusal, match="copy-has-nothing-new"):
        seed(ledger_url, copied)


def spoil(folder: Path, line: int, new: bytes | None) -> None:
    """Replace a line of the copy, or take it out."""
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    lines[line : line + 1] = [] if new is None else [new]
    (folder / "entries.jsonl").write_bytes(b"".join(lines))


@pytest.mark.rule("TE-10", "TE-14", "TE-16", "REL-P5", negative=True)
@pytest.mark.parametrize(
    ("line", "change", "code", "index"),
    [
        (30, {"data": {"note": "y"}}, "copy-differs", 30), (50, {"data": {"note": "y"}}, "copy-differs", SIZE),
        (50, {"seq": 3}, "copy-differs", 50), (50, {"index": 51}, "copy-differs", 50),
        (50, {"site": "site-two"}, "copy-differs", 50), (50, {"gen": 2}, "copy-differs", 50),
        (50, {"at": "2020-01-01T00:00:00.000000Z"}, "copy-differs", 50), (50, {"v": 2}, "copy-differs", 50),
        (50, {"index": -1}, "copy-differs", "?"), (50, {"op": 7}, "copy-differs", "?"),
        (50, b"{}\n", "copy-differs", "?"),
        (50, b"\xff\n", "copy-differs", "?"), (50, b"[" * 60_000 + b"\n", "copy-differs", "?"),
        (50, b"x" * 70_000 + b"\n", "copy-differs", "?"), (50, None, "copy-differs", 50),
        (59, None, "copy-too-short", None),
        (59, b'{"cut"', "copy-differs", "?"),
    ],
)  # fmt: skip
def test_a_copy_that_does_not_fit_writes_nothing(ledger_url, copied, line, change, code, index) -> None:
    lines = (copied / "entries.jsonl").read_bytes().splitlines()
    if isinstance(change, dict):
        changed = {**json.loads(lines[line]), **change}
        change = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    spoil(copied, line, change)
    before = bodies_of_cut(ledger_url)
    with pytest.raises(Refusal, match=code) as refused:
        seed(ledger_url, copied)
    assert refused.value.facts.get("index") == index
    assert bodies_of_cut(ledger_url) == before
    assert len(before) == 41


def bodies_of_cut(url: str) -> list[bytes]:
    engine = open_engine(url, read_only=True)
    found = [entry.body for entry in LedgerReader(engine).entries()]
    engine.dispose()
    return found


@pytest.mark.rule("TE-20", negative=True)
@pytest.mark.parametrize("signer", ["stranger", "none", "other text"])
def test_a_copy_that_the_site_did_not_sign_is_refused(ledger_url: str, copied: Path, signer: str) -> None:
    text = (copied / "checkpoint.txt").read_text()
    body = text.partition("\n\n")[0] + "\n"
    stranger = SiteKey(KEY.name, b"s" * 32).signed_note(body)
    other = SECOND.signed_note(body.replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n"))
    (copied / "checkpoint.txt").write_text({"stranger": stranger, "none": body, "other text": other}[signer])
    with pytest.raises(Refusal, match="copy-unsigned" if signer != "other text" else "copy-differs"):
        seed(ledger_url, copied)
    assert len(bodies_of_cut(ledger_url)) == 41


def test_a_copy_with_other_content_is_refused(ledger_url: str, copied: Path) -> None:
    (path,) = (copied / "content").iterdir()
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(Refusal, match="copy-lacks-content"):
        seed(ledger_url, copied)


def test_nothing_is_copied_before_it_is_signed(tmp_path: Path) -> None:
    with a_ledger(f"sqlite:///{tmp_path / 'site.sqlite'}") as ledger, pytest.raises(Refusal, match="ledger-unsigned"):
        copy_ledger(ledger, tmp_path / "copy")


@pytest.mark.rule("TE-11", negative=True)
def test_a_copy_does_not_mend_a_damaged_beginning(ledger_url: str, copied: Path) -> None:
    engine = open_engine(ledger_url)
    with as_owner(engine) as connection:
        flip(40)(connection)
    engine.dispose()
    with pytest.raises(IntegrityBreach, match="leaf hash"):
        seed(ledger_url, copied)
