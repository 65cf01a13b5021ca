"""Beginning, opening and continuing a ledger: whose it is, and what stops a start."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert

from mes.errors import IntegrityBreach, Refusal
from mes.ids import Stream, new_op
from mes.ledger.breach import BreachLog
from mes.ledger.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from mes.ledger.database import open_engine
from mes.ledger.keys import SiteKey
from mes.ledger.notes import parse_note
from mes.ledger.store import Ledger
from mes.ledger.tables import NODE
from mes.ledger.verify import verify_ledger
from tests.ledger.builders import KEY, NOW, NURSE, SITE, a_ledger, at, draft, reopened, write
from tests.ledger.forging import as_owner, cut, flip, own_hash_too, removed


def test_a_ledger_is_begun_once(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        assert (ledger.site, ledger.gen, ledger.tz, ledger.size) == (SITE, 1, "Europe/Amsterdam", 1)
        assert (ledger.origin, ledger.clock_kind) == ("septima/site-one/1", "real")
    with pytest.raises(Refusal, match="ledger-exists"), a_ledger(ledger_url):
        pass


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"site": "Site One"}, "site-malformed"),
        ({"tz": "Europe/Atlantis"}, "time-zone-unknown"),
        ({"tz": "../etc/passwd"}, "time-zone-unknown"),
        ({"key": SiteKey("septima/site-two/1", b"k" * 32)}, "ledger-key-differs"),
    ],
)
def test_a_ledger_is_begun_under_its_own_name(tmp_path: Path, terms: dict[str, object], code: str) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'site.sqlite'}")
    given = {"site": SITE, "tz": "UTC", "key": KEY, "now": NOW, "clock": "real", "software": "x", **terms}
    with pytest.raises(Refusal, match=code):
        Ledger.create(engine, **given)
    engine.dispose()


def test_nothing_is_opened_where_nothing_is(ledger_url: str) -> None:
    with pytest.raises(Refusal, match="ledger-missing"), reopened(ledger_url):
        pass


def test_a_ledger_of_another_site_or_key_is_not_opened(ledger_url: str) -> None:
    with a_ledger(ledger_url):
        pass
    engine = open_engine(ledger_url)
    with pytest.raises(Refusal, match="ledger-of-another-site"):
        Ledger.open(engine, site="site-two", tz="UTC", key=SiteKey("septima/site-two/1", b"k" * 32))
    engine.dispose()
    with pytest.raises(Refusal, match="ledger-key-differs"), reopened(ledger_url, key=SiteKey(KEY.name, b"k" * 32)):
        pass


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (flip(39), "leaf hash"),
        (cut(20), "were signed"),
        (removed(35), "gap"),
        (own_hash_too(35), "not the one that was signed"),
        (removed(0), "entry 0 is missing"),
    ],
)
def test_a_contradiction_at_the_end_stops_the_start(ledger_url: str, tmp_path: Path, act: object, what: str) -> None:
    with a_ledger(ledger_url) as ledger:
        for n in range(39):
            ledger.append(new_op(), [write("run/R1")], actor=NURSE, now=at(n))
        ledger.checkpoint(at(40))
    engine = open_engine(ledger_url)
    with as_owner(engine) as connection:
        act(connection)
    engine.dispose()
    path = tmp_path / "breach.jsonl"
    for _ in range(2):
        with pytest.raises(IntegrityBreach, match=what), reopened(ledger_url, breach_path=path):
            pass
    (line,) = path.read_text().splitlines()
    assert what in json.loads(line)["what"]
    assert json.loads(line)["held"] == "*"


def test_a_contradiction_found_while_running_stops_every_append(ledger_url: str, tmp_path: Path) -> None:
    path = tmp_path / "breach.jsonl"
    with a_ledger(ledger_url, breach_path=path) as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(1))
        engine = open_engine(ledger_url)
        with as_owner(engine) as connection:
            own_hash_too(1)(connection)
            flip(1)(connection)
        engine.dispose()
        with pytest.raises(IntegrityBreach, match="leaf hash"):  # a doubt makes it read the head anew
            ledger.append(new_op(), [write("batch/B1", expected=9)], actor=NURSE, now=at(2))
        with pytest.raises(Refusal, match="stream-held-by-breach"):
            ledger.append(new_op(), [write("batch/B2")], actor=NURSE, now=at(3))
        assert ledger.size == 2
    assert json.loads(path.read_text())["index"] == 1


def test_a_place_that_is_taken_against_all_reckoning_is_a_breach(ledger_url: str, tmp_path: Path) -> None:
    path = tmp_path / "breach.jsonl"
    with a_ledger(ledger_url, breach_path=path) as ledger:
        engine = open_engine(ledger_url)
        with engine.begin() as connection:
            node = {"gen": 1, "level": 4, "position": 0, "hash": b"h" * 32, "below": b""}
            connection.execute(insert(NODE), node)
        engine.dispose()
        drafts = [draft(n=n) for n in range(15)]
        with pytest.raises(IntegrityBreach, match="must be free"):
            ledger.append(new_op(), [write("run/R1", *drafts)], actor=NURSE, now=at(1))
        with pytest.raises(Refusal, match="stream-held-by-breach"):
            ledger.append(new_op(), [write("run/R1")], actor=NURSE, now=at(2))
        assert ledger.size == 1
    assert set(json.loads(path.read_text())["evidence"]) == {"op", "found"}


def test_a_held_stream_does_not_hold_the_others(ledger_url: str, tmp_path: Path) -> None:
    path = tmp_path / "breach.jsonl"
    BreachLog(path).record(IntegrityBreach("seq 4 twice", index=9, stream="batch/B1", seq=4), "2026-11-22T10:00:00Z")
    with a_ledger(ledger_url, breach_path=path) as ledger:
        ledger.append(new_op(), [write("batch/B2")], actor=NURSE, now=at(1))
        with pytest.raises(Refusal, match="stream-held-by-breach"):
            ledger.append(new_op(), [write("batch/B2"), write("batch/B1")], actor=NURSE, now=at(2))
        ledger.breaches.release("batch/B1", by="p-3", ground="restored from backup", at="2026-11-22T11:00:00Z")
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(3))
    assert BreachLog(path).held == set()
    assert [json.loads(line).get("evidence") for line in path.read_text().splitlines()] == [{"seq": "4"}, None]


def lost(url: str) -> Checkpoint:
    """Make a ledger, and return its last checkpoint as a witness holds it."""
    with a_ledger(url) as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(1))
        return open_checkpoint(ledger.heartbeat(at(2)), [KEY.verifier], KEY.name)


@contextmanager
def continued(url: str, previous: Checkpoint, key: SiteKey) -> Iterator[Ledger]:
    """Open the generation after `previous`."""
    engine = open_engine(url)
    terms = {"clock": "real", "software": "septima-mes 0.1.0", "evidence": "refused", "reason": "disk lost"}
    try:
        ledger = Ledger.continue_generation(
            engine, site=SITE, tz="UTC", key=key, now=at(10), previous=previous, actor=NURSE, **terms
        )
        yield ledger
        ledger.close()
    finally:
        engine.dispose()


def test_the_next_generation_begins_at_zero_and_names_the_last(ledger_url: str) -> None:
    previous, key = lost(ledger_url), KEY.named("septima/site-one/2")
    with continued(ledger_url, previous, key) as ledger:
        first = ledger.entry(0)
        assert (ledger.gen, first.type, first.index, first.seq) == (2, "site:ledger:continued", 0, 0)
        assert (first.data["origin"], first.data["size"], first.data["root"]) == (KEY.name, 3, previous.root.hex())
        assert (first.document["gen"], first.document["reason"]) == (2, "disk lost")
        (entry,) = ledger.append(new_op(), [write("batch/B1", expected=0)], actor=NURSE, now=at(11))
        assert (entry.index, entry.seq) == (1, 0)
        assert parse_checkpoint(parse_note(ledger.checkpoint(at(12))).text).origin == "septima/site-one/2"
    with reopened(ledger_url, key=key) as again:
        places = [(entry.seq, entry.is_earlier) for entry in again.stream(Stream("batch/B1"))]
        assert (again.gen, again.size, places) == (2, 2, [(-1, True), (0, False)])
    engine = open_engine(ledger_url)
    assert [verify_ledger(engine, gen=gen).size for gen in (1, 2)] == [3, 2]
    engine.dispose()


def test_an_operation_of_the_last_generation_is_still_known(ledger_url: str) -> None:
    op = new_op()
    with a_ledger(ledger_url) as ledger:
        made = ledger.append(op, [write("run/R1")], actor=NURSE, now=at(1))
        previous = open_checkpoint(ledger.checkpoint(at(2)), [KEY.verifier], KEY.name)
    with continued(ledger_url, previous, KEY.named("septima/site-one/2")) as following:
        assert following.append(op, [write("run/R1")], actor=NURSE, now=at(3)) == made
        assert following.size == 1


def test_after_a_total_loss_the_next_generation_begins_in_an_empty_database(ledger_url: str) -> None:
    previous = Checkpoint("septima/site-one/4", 1_000, b"r" * 32)
    with continued(ledger_url, previous, KEY.named("septima/site-one/5")) as ledger:
        assert (ledger.gen, ledger.size) == (5, 1)


@pytest.mark.parametrize("origin", ["septima/site-one/3", "septima/site-two/1"])
def test_a_generation_does_not_continue_another(ledger_url: str, origin: str) -> None:
    previous = lost(ledger_url)
    other = Checkpoint(origin, previous.size, previous.root)
    key = KEY.named(f"septima/site-one/{int(origin[-1]) + 1}")
    with pytest.raises(Refusal, match="generation-differs"), continued(ledger_url, other, key):
        pass
