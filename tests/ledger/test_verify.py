"""Verification from stored bytes: an unaltered ledger passes, and what its summary says."""

from base64 import b64encode

import pytest
from sqlalchemy import Connection, insert

from mes.errors import IntegrityBreach, Refusal
from mes.ids import new_op
from mes.ledger.content import new_content
from mes.ledger.keys import SiteKey
from mes.ledger.site_events import ContentRemoved, KeyRotated
from mes.ledger.tables import CONTENT
from tests.ledger.builders import KEY, NURSE, a_ledger, at, draft, reopened, write
from tests.ledger.tamper.corpus import altered, fill, found


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
