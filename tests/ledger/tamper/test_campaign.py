"""TE-10 to TE-24: whatever the owner of the database changes is found, and the first bad entry is named, twice over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mes.ledger.database import open_engine
from tests.ledger.builders import KEY
from tests.ledger.forging import (
    Act,
    as_owner,
    cut,
    flip,
    own_hash_too,
    reformatted,
    removed,
    renumbered,
    rewritten,
    row,
    sql,
    swapped,
)
from tests.ledger.tamper.corpus import altered, fill, outside_verdicts, verdict

ANOTHER_OP = "00000000-0000-4000-8000-000000000000"
RENAMED = {"kind": "person", "id": "p-17", "name": "Someone Else", "role": "operator", "terminal": "T2"}


def back_dated(index: int) -> Callable[[list[dict[str, Any]]], None]:
    """Put in an entry that claims to be an hour older than its neighbours."""

    def edit(documents: list[dict[str, Any]]) -> None:
        op = {"id": ANOTHER_OP, "n": 0, "of": 1}
        documents.insert(index, {**documents[index], "at": "2026-11-22T09:00:00.000000Z", "op": op})

    return edit


CAMPAIGN: list[tuple[str, Act, int, bool]] = [
    # what was done; the act; the entry that must be named; whether the quick check sees it too
    ("TE-10 a byte of an entry", flip(30), 30, True),
    ("TE-10 a byte of the last entry", flip(49), 49, True),
    ("TE-11 an entry and its own hash", own_hash_too(30), 30, True),
    ("TE-12 an entry and the whole tree", rewritten(30, data={"n": 9}), 8, True),
    ("TE-13 the tail, to before a checkpoint", cut(40), 40, True),
    ("TE-14 an entry in the middle is gone", removed(30), 30, True),
    ("TE-14 an entry in the middle is gone and the rest renumbered", renumbered(lambda them: them.pop(30)), 8, True),
    ("TE-14 the same after the last checkpoint", renumbered(lambda them: them.pop(46)), 46, False),
    ("TE-15 two entries swapped", swapped(20, 21), 20, True),
    ("TE-16 a back-dated entry put in", renumbered(back_dated(20)), 20, True),
    ("TE-16 a back-dated entry put in after the last checkpoint", renumbered(back_dated(47)), 47, False),
    ("TE-24 an earlier time", rewritten(46, at="2026-11-22T09:00:00.000000Z"), 46, False),
    ("TE-17 another name of who acted", rewritten(2, actor=RENAMED), 0, True),
    ("entry 0 is gone", removed(0), 0, True),
    ("another stream in the row", row(30, stream="batch/B9"), 30, False),
    ("another operation in the row", row(30, op_id="x"), 30, False),
    ("another time in the row", row(30, at="x"), 30, False),
    ("another type in the row", row(30, type="site:x"), 30, False),
    ("the same facts in another form", reformatted(46), 46, False),
    ("a gap in a stream", rewritten(47, seq=99), 47, False),
    ("an operation cut at the end", rewritten(49, op={"id": ANOTHER_OP, "n": 0, "of": 1}), 49, False),
    ("an operation that never ends", rewritten(44, op={"id": ANOTHER_OP, "n": 0, "of": 2}), 44, True),
    ("an unknown key", rewritten(46, extra=1), 46, False),
    ("another site", rewritten(46, site="site-two"), 46, False),
    ("another generation", rewritten(46, v=2), 46, False),
    ("a reference to what is not there", rewritten(46, refs=[{"index": 1, "leaf": "0" * 64}]), 46, False),
    ("a correction of what is not there", rewritten(46, corrects={"stream": "run/R1", "seq": 90}), 46, False),
    ("content altered", sql("UPDATE content SET body = salt"), 3, False),
    ("content gone", sql("DELETE FROM content"), 3, False),
    ("what a signer saw altered", sql("UPDATE shown SET body = (SELECT leaf FROM entry WHERE seq = 9)"), 4, False),
    ("what a signer saw gone", sql("DELETE FROM shown"), 4, False),
    ("a stored node altered", sql("UPDATE tree_node SET hash = below WHERE position = 1"), 16, True),
    ("a stored node gone", sql("DELETE FROM tree_node WHERE position = 1"), 16, True),
    ("a node too many", sql("INSERT INTO tree_node SELECT gen, 4, 77, hash, below FROM tree_node"
                            " WHERE position = 1"), 50, True),
    ("a checkpoint altered", sql("UPDATE checkpoint SET note = replace(note, '— ', '—  ') WHERE size = 45"), 44, True),
    ("a checkpoint moved", sql("UPDATE checkpoint SET size = 46 WHERE size = 45"), 8, True),
]  # fmt: skip


@pytest.mark.rule(
    "TE-10", "TE-11", "TE-12", "TE-13", "TE-14", "TE-15", "TE-16", "TE-17", "TE-24", "REG-P11-10a", negative=True
)
@pytest.mark.parametrize(
    ("act", "index", "is_quick"), [case[1:] for case in CAMPAIGN], ids=[case[0] for case in CAMPAIGN]
)
def test_what_was_altered_is_found_and_named(
    ledger_url: str, tmp_path: Path, act: Act, index: int, is_quick: bool
) -> None:
    fill(ledger_url)
    altered(ledger_url, act)
    assert verdict(ledger_url) == index
    assert set(outside_verdicts(ledger_url, tmp_path)) == {index}
    assert (verdict(ledger_url, full=False) != "OK") == is_quick


@pytest.mark.rule("REG-P11-10a", "TE-10")
def test_an_unaltered_ledger_is_passed_by_both(ledger_url: str, tmp_path: Path) -> None:
    kept = fill(ledger_url)
    assert verdict(ledger_url, key=KEY.verifier, trusted=[kept]) == "OK"
    assert set(outside_verdicts(ledger_url, tmp_path, [kept], KEY.public)) == {"OK"}


@pytest.mark.rule("TE-23", negative=True)
@pytest.mark.parametrize("is_edited", [True, False], ids=["and an entry edited", "and nothing else"])
def test_a_trigger_that_was_dropped_is_found_even_before_anything_else(ledger_url: str, is_edited: bool) -> None:
    fill(ledger_url)
    engine = open_engine(ledger_url)
    place = " ON entry" if ledger_url.startswith("postgresql") else ""
    with as_owner(engine) as connection:
        if is_edited:
            flip(30)(connection)
    with engine.begin() as connection:
        listed = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'entry'"
        if place:
            listed = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'entry'::regclass"
        for name in connection.exec_driver_sql(listed).scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}{place}")
    engine.dispose()
    assert verdict(ledger_url) == (30 if is_edited else None)


def test_the_file_itself_shows_that_its_triggers_are_gone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'site.sqlite'}"
    fill(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        listed = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for name in connection.exec_driver_sql(listed).scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    engine.dispose()
    assert outside_verdicts(url, tmp_path) == ["OK", "OK", None]
