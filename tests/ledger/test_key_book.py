"""Which keys stand: named, retired, revoked; and what a ledger's checkpoints are worth then."""

from base64 import b64encode
from pathlib import Path

import pytest

from mes.errors import IntegrityBreach, Refusal
from mes.ids import new_op
from mes.ledger.checkpoints import open_checkpoint
from mes.ledger.database import open_engine
from mes.ledger.entry import Write
from mes.ledger.events import Event
from mes.ledger.founding import book_of
from mes.ledger.key_book import KeyBook, check_new, check_revocable
from mes.ledger.key_folder import PENDING, prepare, settle
from mes.ledger.keys import SiteKey
from mes.ledger.notes import NoteError, parse_note, verified
from mes.ledger.site_events import KeyRetired, KeyRevoked, KeyRotated
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger
from tests.ledger.builders import DRAIN, KEY, SITE, a_ledger, at, reopened, write

SECOND, THIRD = SiteKey(KEY.name, b"2" * 32), SiteKey(KEY.name, b"3" * 32)


def text(key: SiteKey) -> str:
    return b64encode(key.public).decode()


def record(ledger: Ledger, event: Event, seconds: float) -> int:
    """Append an event of the site's stream and return its index."""
    writes = [Write(ledger.site_stream, (event.draft(reason="test"),))]
    return ledger.append(new_op(), writes, actor=DRAIN, now=at(seconds))[0].index


def rotate(ledger: Ledger, new: SiteKey, seconds: float, *also: SiteKey) -> int:
    index = record(ledger, KeyRotated(text(new), text(ledger.key)), seconds)
    ledger.sign_with(new, also)
    return index


def book(url: str) -> KeyBook:
    engine = open_engine(url)
    found = book_of(engine, SITE)
    engine.dispose()
    return found


def verify(url: str, **more):
    engine = open_engine(url)
    try:
        return verify_ledger(engine, **more)
    finally:
        engine.dispose()


@pytest.mark.rule("SEC-48")
def test_both_keys_sign_during_the_overlap_and_old_records_still_verify(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        before = ledger.checkpoint(at(1))
        rotate(ledger, SECOND, 2, KEY)
        both = ledger.checkpoint(at(3))
        for published in (KEY, SECOND):  # whoever knows either key can check it
            assert open_checkpoint(both, [published.verifier], KEY.name).size == 2
        assert [one.verifier for one in book(ledger_url).overlapping] == [KEY.verifier]
        record(ledger, KeyRetired(text(KEY)), 4)
        ledger.sign_with(SECOND)
        after = ledger.checkpoint(at(5))
        assert verified(parse_note(after), [KEY.verifier, SECOND.verifier]) == (SECOND.verifier,)
        assert parse_note(before).signatures[0].name == KEY.name
    with reopened(ledger_url, key=SECOND):
        pass
    found = verify(ledger_url, key=KEY.verifier)
    assert (found.checkpoints, found.signed_size, found.key, found.on_revoked) == (3, 3, SECOND.verifier, ())


@pytest.mark.rule("SEC-48", negative=True)
def test_a_retired_key_does_not_open_the_ledger(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        rotate(ledger, SECOND, 2)
    with pytest.raises(Refusal, match="ledger-key-differs"), reopened(ledger_url):
        pass


@pytest.mark.rule("SEC-48", "TE-20", negative=True)
def test_checkpoints_on_a_revoked_key_are_named_and_do_not_count(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        ledger.checkpoint(at(1))
        ledger.append(new_op(), [write("batch/B1")], actor=DRAIN, now=at(2))
        ledger.checkpoint(at(3))  # 2 entries: made when the key was in other hands
        ledger.append(new_op(), [write("batch/B1")], actor=DRAIN, now=at(4))
        record(ledger, KeyRotated(text(SECOND), text(KEY)), 5)
        record(ledger, KeyRevoked(text(KEY), at(2), 1), 6)
        ledger.sign_with(SECOND)
    with reopened(ledger_url, key=SECOND) as ledger:  # nothing new is signed yet
        found = verify(ledger_url)
        assert (found.signed_size, found.on_revoked) == (1, (2,))
        ledger.checkpoint(at(7))
    found = verify(ledger_url)
    assert (found.signed_size, found.size, found.on_revoked) == (5, 5, (2,))
    known = book(ledger_url).known(KEY.public)
    assert known is not None
    assert [known.counts(size) for size in (1, 2, 5)] == [True, False, False]


@pytest.mark.rule("TE-20", negative=True)
def test_a_key_that_the_ledger_does_not_name_signs_nothing(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=DRAIN, now=at(2))
        ledger.sign_with(THIRD)  # replaced without an entry
        ledger.checkpoint(at(3))
    with pytest.raises(IntegrityBreach, match="checkpoint 2 does not stand"):
        verify(ledger_url)
    with pytest.raises(IntegrityBreach, match="does not stand"), reopened(ledger_url):
        pass


@pytest.mark.rule("TE-20", negative=True)
def test_a_replaced_first_key_is_found_by_the_published_one(ledger_url: str) -> None:
    with a_ledger(ledger_url):
        pass
    with pytest.raises(IntegrityBreach, match="another key than the site's published one"):
        verify(ledger_url, key=THIRD.verifier)


def test_what_may_be_named_and_revoked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'site.sqlite'}"
    with a_ledger(url) as ledger:
        rotate(ledger, SECOND, 1)
        record(ledger, KeyRevoked(text(KEY), at(0), 1), 2)
    known = book(url)
    assert [one.signs for one in known.keys] == [False, True]
    for key in (KEY, SECOND):  # a key that was given up never comes back
        with pytest.raises(Refusal, match="key-known"):
            check_new(known, key.public)
    with pytest.raises(Refusal, match="key-unusable"):
        check_new(known, bytes(32))
    check_new(known, THIRD.public)
    with pytest.raises(Refusal, match="key-unknown"):
        check_revocable(known, THIRD.public, 1)
    with pytest.raises(Refusal, match="key-revoked-already"):
        check_revocable(known, KEY.public, 1)
    assert check_revocable(known, KEY.public, 0).verifier == KEY.verifier  # trust only ever shrinks


def folder_of(tmp_path: Path) -> tuple[Path, str]:
    keys = tmp_path / "keys"
    KEY.saved(keys / "site.key")
    return keys, f"sqlite:///{tmp_path / 'site.sqlite'}"


@pytest.mark.rule("SEC-48")
def test_a_pending_key_that_no_entry_names_is_thrown_away(tmp_path: Path) -> None:
    keys, url = folder_of(tmp_path)
    with a_ledger(url):
        prepare(keys, KEY.name)
        assert settle(keys, book(url)).present.public == KEY.public
    assert [path.name for path in keys.iterdir()] == ["site.key"]


def test_a_pending_key_that_was_cut_short_is_thrown_away(tmp_path: Path) -> None:
    keys, url = folder_of(tmp_path)
    with a_ledger(url):
        (keys / PENDING).write_text("PRIVATE+KEY+sep")
        (keys / PENDING).chmod(0o600)
        assert settle(keys, book(url)).present.public == KEY.public


@pytest.mark.rule("SEC-48")
@pytest.mark.parametrize("done", ["nothing", "old kept", "all"])
def test_a_key_that_an_entry_names_is_put_in_place_however_far_it_came(tmp_path: Path, done: str) -> None:
    keys, url = folder_of(tmp_path)
    with a_ledger(url) as ledger:
        new = prepare(keys, KEY.name)
        record(ledger, KeyRotated(text(new), text(KEY)), 1)
        if done != "nothing":
            (keys / "site.key.1").hardlink_to(keys / "site.key")
        if done == "all":
            (keys / PENDING).replace(keys / "site.key")
        for _ in range(2):
            found = settle(keys, book(url))
            assert (found.present.public, [one.public for one in found.also]) == (new.public, [KEY.public])
    assert sorted(path.name for path in keys.iterdir()) == ["site.key", "site.key.1"]
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    with pytest.raises(NoteError):
        verified(parse_note(found.present.signed_note("x\n")), [KEY.verifier])
