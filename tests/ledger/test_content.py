"""Detachable content: bound by a salted digest, removed only together with the entry that says why."""

from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mes.errors import Refusal
from mes.ids import new_op
from mes.ledger.content import content_digest, new_content
from mes.ledger.database import open_engine
from mes.ledger.entry import Content, Draft
from mes.ledger.merkle import verify_inclusion
from mes.ledger.site_events import ContentRemoved
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger
from tests.ledger.builders import NURSE, a_ledger, at, draft, write


def noted(ledger: Ledger, content: Content) -> None:
    """Record a comment whose text is detachable."""
    writes = [write("batch/B1", draft(comment=content.as_reference(), more=[{"photo": content.as_reference()}]))]
    ledger.append(new_op(), writes, actor=NURSE, now=at(1), contents=[content])


def removal(content: Content) -> Draft:
    return ContentRemoved(content.digest, "GDPR article 17").draft()


def test_content_lies_outside_the_entry_and_is_found_by_its_digest(ledger_url: str) -> None:
    content = new_content("patient said her name", "text/plain")
    with a_ledger(ledger_url) as ledger:
        noted(ledger, content)
        assert b"her name" not in ledger.entry(1).body
        assert ledger.content(content.digest) == (content.salt, b"patient said her name", "text/plain")
        ledger.append(new_op(), [write("batch/B2", draft(same=content.as_reference()))], actor=NURSE, now=at(2))


def test_equal_texts_have_different_digests() -> None:
    one, two = new_content("yes"), new_content(b"yes")
    assert one.digest != two.digest
    assert one.digest == content_digest(one.salt, b"yes")
    assert len(one.salt) == 32


def test_removed_content_is_gone_and_every_proof_still_holds(ledger_url: str) -> None:
    content = new_content("to be forgotten")
    engine = open_engine(ledger_url)
    with a_ledger(ledger_url) as ledger:
        noted(ledger, content)
        ledger.append(new_op(), [write("batch/B1", removal(content))], actor=NURSE, now=at(2))
        assert ledger.content(content.digest) is None
        leaf, proof = ledger.entry(1).leaf, ledger.inclusion_proof(1, 3)
        assert verify_inclusion(leaf, 1, 3, proof, ledger.root())
        assert verify_ledger(engine).size == 3
        ledger.append(new_op(), [write("batch/B2", draft(same=content.as_reference()))], actor=NURSE, now=at(3))
        with pytest.raises(Refusal, match="content-unknown"):
            ledger.append(new_op(), [write("batch/B1", removal(content))], actor=NURSE, now=at(4))
        with pytest.raises(DBAPIError, match="append-only"):
            noted(ledger, content)
        assert verify_ledger(engine).size == 4
    engine.dispose()


def test_no_byte_of_removed_content_stays_in_the_file(tmp_path: Path) -> None:
    """secure_delete overwrites; the write-ahead log is emptied by a checkpoint."""
    path = tmp_path / "site.sqlite"
    content = new_content("an uncommon sentence " * 400)
    with a_ledger(f"sqlite:///{path}") as ledger:
        noted(ledger, content)
        ledger.append(new_op(), [write("batch/B1", removal(content))], actor=NURSE, now=at(2))
    files = [path, path.with_name("site.sqlite-wal")]
    assert not any(b"uncommon sentence" in file.read_bytes() for file in files if file.exists())


def test_removal_that_fails_removes_nothing(ledger_url: str) -> None:
    content = new_content("stays")
    with a_ledger(ledger_url) as ledger:
        noted(ledger, content)
        with pytest.raises(Refusal, match="somebody-was-faster"):
            ledger.append(
                new_op(), [write("batch/B1", removal(content)), write("batch/B2", expected=7)], actor=NURSE, now=at(2)
            )

        def fails(_: object) -> None:
            raise Refusal("no")

        with pytest.raises(Refusal, match="no"):
            ledger.append(new_op(), [write("batch/B1", removal(content))], actor=NURSE, now=at(2), alongside=fails)
        found = ledger.content(content.digest)
        assert found is not None
        assert found[1] == b"stays"


@pytest.mark.parametrize(
    "content",
    [Content("0" * 64, b"s" * 32, b"x"), Content(content_digest(b"s", b"x"), b"s", b"x")],
    ids=["wrong digest", "short salt"],
)
def test_content_that_does_not_match_is_a_mistake(ledger_url: str, content: Content) -> None:
    with a_ledger(ledger_url) as ledger, pytest.raises(ValueError, match="does not match"):
        noted(ledger, content)


def test_content_that_no_entry_names_is_a_mistake(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger, pytest.raises(ValueError, match="no entry"):
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(1), contents=[new_content("x")])


def test_what_a_signer_saw_is_kept_once(ledger_url: str) -> None:
    shown = b'{"items":[]}'
    digest = sha256(shown).hexdigest()
    with a_ledger(ledger_url) as ledger:
        signed = Draft("a:b", {}, signature={"shown": digest})
        for turn in range(2):
            ledger.append(new_op(), [write("batch/B1", signed)], actor=NURSE, now=at(turn), shown=[shown])
        ledger.append(new_op(), [write("batch/B1", signed)], actor=NURSE, now=at(3))
        assert ledger.shown(digest) == shown


def test_content_may_not_be_deleted_without_its_entry(ledger_url: str) -> None:
    content = new_content("evidence")
    engine = open_engine(ledger_url)
    with a_ledger(ledger_url) as ledger:
        noted(ledger, content)
        for statement in (
            "DELETE FROM content",
            "UPDATE content SET body = salt",
            f"INSERT INTO content_removal (digest, position) VALUES ('{content.digest}', {1 << 40})",
            f"INSERT INTO content_removal (digest, position) VALUES ('{content.digest}', {(1 << 40) + 1})",
        ):
            with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
                connection.execute(text(statement))
        assert ledger.content(content.digest) is not None
    engine.dispose()
