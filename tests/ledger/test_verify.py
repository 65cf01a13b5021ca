"""Verification from stored bytes: an unaltered ledger passes, and of an altered one the first bad entry is named."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert

from mes.errors import IntegrityBreach, Refusal
from mes.ids import Stream, new_op
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.content import new_content
from mes.ledger.database import open_engine
from mes.ledger.entry import Draft
from mes.ledger.heads import stored_root
from mes.ledger.keys import SiteKey
from mes.ledger.site_events import ContentRemoved, KeyRotated
from mes.ledger.tables import CHECKPOINT, CONTENT
from mes.ledger.verify import Verified, verify_ledger
from tests.ledger.builders import DRAIN, KEY, NURSE, a_ledger, at, draft, reopened, write
from tests.ledger.forging import (
    Act,
    as_owner,
    cut,
    flip,
    own_hash_too,
    reformatted,
    removed,
    rewritten,
    row,
    sql,
    swapped,
)

SHOWN = b'{"items":[]}'
ANOTHER_OP = "00000000-0000-4000-8000-000000000000"


def fill(url: str) -> Checkpoint:
    """Make a ledger of 50 entries, signed at 8 and at 45, and return what a witness would hold of it.

    Entry 3 refers to content, 4 is signed, 5 relies on 3 and corrects 1; all later ones stand in run/R1.
    """
    content = new_content("comment")
    with a_ledger(url) as ledger:
        ledger.append(new_op(), [write("batch/B1", draft(n=1), draft(n=2))], actor=NURSE, now=at(1))
        noted = write("batch/B1", draft(comment=content.as_reference()))
        (three,) = ledger.append(new_op(), [noted], actor=NURSE, now=at(2), contents=[content])
        signed = Draft("a:b", {}, signature={"shown": sha256(SHOWN).hexdigest()})
        ledger.append(new_op(), [write("batch/B1", signed)], actor=NURSE, now=at(3), shown=[SHOWN])
        relies = Draft("a:b", {}, refs=(three.reference,), corrects=(Stream("batch/B1"), 0))
        ledger.append(new_op(), [write("batch/B2", relies)], actor=NURSE, now=at(4))
        ledger.append(new_op(), [write("run/R1", draft(n=6), draft(n=7))], actor=DRAIN, now=at(5))
        ledger.checkpoint(at(6))
        for n in range(8, 45):
            ledger.append(new_op(), [write("run/R1", draft(n=n))], actor=DRAIN, now=at(n))
        ledger.checkpoint(at(46))
        ledger.append(new_op(), [write("run/R1", *[draft(n=n) for n in range(45, 50)])], actor=DRAIN, now=at(50))
        return Checkpoint(KEY.name, ledger.size, ledger.root())


def found(url: str, **terms: Any) -> Verified:
    """Verify the ledger in a database."""
    engine = open_engine(url)
    try:
        return verify_ledger(engine, **terms)
    finally:
        engine.dispose()


def altered(url: str, *acts: Act) -> None:
    """Do what the owner of the database can do."""
    engine = open_engine(url)
    with as_owner(engine) as connection:
        for act in acts:
            act(connection)
    engine.dispose()


def test_an_unaltered_ledger_holds(ledger_url: str) -> None:
    kept = fill(ledger_url)
    for full in (True, False):
        summary = found(ledger_url, full=full, key=KEY.verifier, trusted=[kept])
        assert (summary.site, summary.gen, summary.size) == ("site-one", 1, 50)
        assert (summary.root, summary.checkpoints, summary.signed_size) == (kept.root, 3, 50)
        assert (summary.key, summary.is_full) == (KEY.verifier, full)
    assert found(ledger_url).signed_size == 45


def test_an_empty_database_has_no_ledger(ledger_url: str) -> None:
    with pytest.raises(Refusal, match="ledger-missing"):
        found(ledger_url)


CAMPAIGN: list[tuple[str, Act, int, bool]] = [
    # what was done; the act; the entry that must be named; whether the quick check sees it too
    ("TE-10 a byte of an entry", flip(30), 30, True),
    ("TE-10 a byte of the last entry", flip(49), 49, True),
    ("TE-11 an entry and its own hash", own_hash_too(30), 30, True),
    ("TE-12 an entry and the whole tree", rewritten(30, data={"n": 9}), 8, True),
    ("TE-13 the tail, to before a checkpoint", cut(40), 40, True),
    ("TE-14 an entry in the middle is gone", removed(30), 30, True),
    ("TE-15 two entries swapped", swapped(20, 21), 20, True),
    ("TE-16 an earlier time", rewritten(46, at="2026-11-22T09:00:00.000000Z"), 46, False),
    ("TE-17 another name of who acted", rewritten(2, actor={"kind": "system", "id": "x"}), 0, True),
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


@pytest.mark.rule("TE-10")
@pytest.mark.parametrize(
    ("act", "index", "is_quick"), [case[1:] for case in CAMPAIGN], ids=[case[0] for case in CAMPAIGN]
)
def test_what_was_altered_is_found_and_named(ledger_url: str, act: Act, index: int, is_quick: bool) -> None:
    fill(ledger_url)
    altered(ledger_url, act)
    with pytest.raises(IntegrityBreach) as breach:
        found(ledger_url)
    assert breach.value.index == index, breach.value.what
    if is_quick:
        with pytest.raises(IntegrityBreach):
            found(ledger_url, full=False)
    else:
        assert found(ledger_url, full=False).size == 50


def resigned(connection: Connection) -> None:
    """Sign the present tree anew with the site's own key, as its owner could."""
    connection.execute(delete(CHECKPOINT))
    note = KEY.signed_note(Checkpoint(KEY.name, 40, stored_root(connection, 1, 40)).text)
    connection.execute(insert(CHECKPOINT), {"gen": 1, "size": 40, "at": "", "note": note})


@pytest.mark.rule("TE-12")
@pytest.mark.parametrize(
    "acts",
    [[own_hash_too(49)], [rewritten(30, data={"n": 9}), resigned], [cut(40), resigned]],
    ids=["after the last checkpoint and block", "rewritten and signed anew", "cut and signed anew"],
)
def test_what_only_a_witness_can_show(ledger_url: str, acts: list[Act]) -> None:
    kept = fill(ledger_url)
    altered(ledger_url, *acts)
    assert found(ledger_url).site == "site-one"
    with pytest.raises(IntegrityBreach):
        found(ledger_url, trusted=[kept])


@pytest.mark.rule("TE-20")
def test_another_key_is_shown_by_the_published_one(ledger_url: str) -> None:
    fill(ledger_url)
    with pytest.raises(IntegrityBreach, match="another key"):
        found(ledger_url, key=SiteKey(KEY.name, b"other" + b"x" * 27).verifier)


def test_a_rotated_key_signs_from_then_on(ledger_url: str) -> None:
    new = SiteKey(KEY.name, b"n" * 32)
    with a_ledger(ledger_url) as ledger:
        old = ledger.checkpoint(at(1))
        genesis = ledger.entry(0).data["key"]
        rotation = KeyRotated(b64encode(new.public).decode(), genesis).draft()
        ledger.append(new_op(), [write("site/site-one", rotation)], actor=NURSE, now=at(2))
    with pytest.raises(Refusal, match="ledger-key-differs"), reopened(ledger_url):
        pass
    with reopened(ledger_url, key=new) as ledger:
        assert ledger.checkpoint(at(3)) != old
    assert found(ledger_url).key == new.verifier


def test_content_that_came_back_after_its_removal_is_named(ledger_url: str) -> None:
    content = new_content("forgotten")
    with a_ledger(ledger_url) as ledger:
        noted = write("batch/B1", draft(comment=content.as_reference()))
        ledger.append(new_op(), [noted], actor=NURSE, now=at(1), contents=[content])
        gone = ContentRemoved(content.digest, "retention").draft()
        ledger.append(new_op(), [write("batch/B1", gone)], actor=NURSE, now=at(2))
    assert found(ledger_url).size == 3

    def bring_back(connection: Connection) -> None:
        values = {"digest": content.digest, "salt": content.salt, "body": content.body, "media": content.media}
        connection.execute(insert(CONTENT), values)

    altered(ledger_url, bring_back)
    with pytest.raises(IntegrityBreach, match="although entry 2 removed it") as breach:
        found(ledger_url)
    assert breach.value.index == 1
