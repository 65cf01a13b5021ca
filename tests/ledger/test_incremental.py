"""Checking only what is new: what was reached before must be the beginning of the ledger that lies here now."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mes.errors import IntegrityBreach
from mes.ids import Stream, new_op
from mes.ledger.content import new_content
from mes.ledger.damage import survey
from mes.ledger.database import open_engine
from mes.ledger.entry import Draft
from mes.ledger.incremental import Reached, ReachedFile
from mes.ledger.site_events import ContentRemoved
from mes.ledger.store import Ledger
from mes.ledger.verify import Verified, verify_ledger
from tests.ledger.builders import DRAIN, NURSE, a_ledger, at, draft, reopened, write
from tests.ledger.forging import Act, as_owner, cut, flip, own_hash_too, removed, rewritten, row, sql

SHOWN = b'{"items":[]}'
CHEAP = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def more(ledger: Ledger, start: int, stop: int) -> None:
    """Append entries with content and signatures between them, over three streams."""
    for n in range(start, stop):
        content = new_content(f"comment {n}")
        drafts = [draft(n=n, comment=content.as_reference())]
        if n % 3 == 0:
            drafts.append(Draft("a:b", {}, signature={"shown": sha256(SHOWN).hexdigest()}))
        terms = {"contents": [content], "shown": [SHOWN] if n % 3 == 0 else []}
        ledger.append(new_op(), [write(f"batch/B{n % 3}", *drafts)], actor=NURSE, now=at(n), **terms)


def found(url: str, **terms: Any) -> Verified:
    """Verify the ledger in a database."""
    engine = open_engine(url)
    try:
        return verify_ledger(engine, **terms)
    finally:
        engine.dispose()


def reached(url: str) -> Reached:
    """Verify everything and return where a later check goes on."""
    everything = found(url).reached
    assert everything is not None
    return everything


def altered(url: str, *acts: Act) -> None:
    """Do what the owner of the database can do."""
    engine = open_engine(url)
    with as_owner(engine) as connection:
        for act in acts:
            act(connection)
    engine.dispose()


@pytest.fixture
def halfway(ledger_url: str) -> tuple[str, Reached]:
    """Give a ledger that was verified at 24 entries and has grown to 55, and what was reached then."""
    with a_ledger(ledger_url) as ledger:
        more(ledger, 1, 18)
        ledger.checkpoint(at(20))
        before = reached(ledger_url)
        more(ledger, 21, 41)
        ledger.checkpoint(at(50))
        ledger.append(new_op(), [write("run/R1", *[draft(n=n) for n in range(5)])], actor=DRAIN, now=at(60))
    return ledger_url, before


@pytest.mark.rule("REL-P4")
def test_an_incremental_check_ends_where_a_full_one_does(halfway: tuple[str, Reached]) -> None:
    url, before = halfway
    full, new = found(url), found(url, since=before)
    assert new.since == before.size > 16
    assert replace(new, since=0) == full
    assert found(url, since=new.reached).since == full.size


@CHEAP
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_any_way_of_cutting_a_check_reaches_the_same(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('history') / 'site.sqlite'}"
    since: Reached | None = None
    with a_ledger(url) as ledger:
        done = 1
        for turn, size in enumerate(sizes):
            more(ledger, done, done + size)
            done += size
            if turn % 2:
                ledger.checkpoint(at(done))
            now = found(url, since=since)
            assert replace(now, since=0) == found(url)
            since = now.reached


@pytest.mark.rule("TE-10", "FLT-10", negative=True)
@pytest.mark.parametrize(
    ("act", "index"),
    [
        (flip(40), 40), (own_hash_too(40), 40), (removed(40), 40), (row(40, stream="batch/B9"), 40),
        (rewritten(52, extra=1), 52), (sql("UPDATE shown SET body = (SELECT leaf FROM entry WHERE op_n = 4)"), None),
        (sql("DELETE FROM content"), None), (sql("UPDATE checkpoint SET note = replace(note, '— ', '—  ')"), None),
        (cut(40), None), (sql("DELETE FROM tree_node WHERE position = 2 AND level = 4"), None),
    ],
    ids=["byte", "hash", "gone", "row", "unsigned tail", "shown", "content", "checkpoint", "cut", "node"],
)  # fmt: skip
def test_what_is_new_is_checked_as_a_full_check_does(halfway: tuple[str, Reached], act: Act, index: int | None) -> None:
    url, before = halfway
    altered(url, act)
    with pytest.raises(IntegrityBreach) as breach:
        found(url, since=before)
    if index is not None:
        assert breach.value.index == index, breach.value.what


@pytest.mark.rule("TE-18", "REL-P4", negative=True)
@pytest.mark.parametrize(
    ("acts", "what"),
    [
        ([cut(12), sql("DELETE FROM checkpoint")], "12, but .* were verified"),
        ([rewritten(3, reason="x"), sql("DELETE FROM checkpoint")], "not those that were verified"),
        ([sql("DELETE FROM tree_node")], "gap"),
    ],
    ids=["older copy", "rewritten", "tree gone"],
)
def test_another_beginning_is_noticed(halfway: tuple[str, Reached], acts: list[Act], what: str) -> None:
    url, before = halfway
    altered(url, *acts)
    with pytest.raises(IntegrityBreach, match=what):
        found(url, since=before)


def test_what_was_reached_in_another_ledger_is_no_beginning(halfway: tuple[str, Reached]) -> None:
    url, before = halfway
    with pytest.raises(IntegrityBreach, match="another ledger"):
        found(url, since=replace(before, gen=2))


def test_an_old_entry_damaged_since_is_left_to_the_full_check(halfway: tuple[str, Reached]) -> None:
    """Said in docs/self-checks.md: this is why a full check is due weekly."""
    url, before = halfway
    altered(url, flip(4))
    assert found(url, since=before).since == before.size
    with pytest.raises(IntegrityBreach, match="entry 4 "):
        found(url)


def test_content_removed_after_it_was_verified(ledger_url: str) -> None:
    content = new_content("forgotten")
    with a_ledger(ledger_url) as ledger:
        noted = write("batch/B1", draft(comment=content.as_reference()))
        ledger.append(new_op(), [noted], actor=NURSE, now=at(1), contents=[content])
        before = reached(ledger_url)
        gone = ContentRemoved(content.digest, "retention").draft()
        ledger.append(new_op(), [write("batch/B1", gone)], actor=NURSE, now=at(2))
    assert found(ledger_url, since=before).size == 3


def test_the_file_gives_back_what_was_reached(halfway: tuple[str, Reached], tmp_path: Path) -> None:
    url, before = halfway
    file = ReachedFile(tmp_path / "verified.json")
    assert file.read() is None
    before = before.at(at(70), at(10))
    file.write(before)
    assert file.read() == before
    assert found(url, since=file.read()).since == before.size
    assert (tmp_path / "verified.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("spoil", ["{", "{}", "[]", "digit", "\x00"])
def test_a_damaged_file_means_begin_anew(halfway: tuple[str, Reached], tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "verified.json"
    ReachedFile(path).write(halfway[1])
    text = path.read_text()
    size = json.loads(text)["reached"]["frontier"]["size"]
    path.write_text(text.replace(f'"size": {size}', f'"size": {size + 1}') if spoil == "digit" else spoil)
    assert ReachedFile(path).read() is None


@pytest.mark.rule("FLT-10", "REL-P4", negative=True)
def test_a_survey_names_the_damaged_entries_and_batches(halfway: tuple[str, Reached]) -> None:
    url, _ = halfway
    engine = open_engine(url)
    try:
        assert survey(engine).tree_stands
        altered(url, flip(4), flip(30), flip(52))
        seen = survey(engine)
        assert (seen.tree_stands, [index for index, _ in seen.entries]) == (True, [4, 30, 52])
        assert set(seen.batches) == {stream.removeprefix("batch/") for stream in seen.streams} - {"run/R1"}
        assert Stream("run/R1") in seen.streams
        altered(url, own_hash_too(30))
        assert not survey(engine).tree_stands
        altered(url, removed(40))
        assert not survey(engine).tree_stands
    finally:
        engine.dispose()


def test_an_opened_ledger_goes_on_from_there(halfway: tuple[str, Reached]) -> None:
    url, before = halfway
    with reopened(url) as ledger:
        more(ledger, 70, 75)
        pages: list[int] = []
        assert found(url, since=before, pause=lambda: pages.append(1)).size == ledger.size
        assert pages == [1]
