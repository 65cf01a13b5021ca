"""Random ledgers that nobody touched raise no alarm, with corrections, removals, rotations, clock steps and content."""

import random
import uuid
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from mes.ids import Op, Stream
from mes.ledger.content import content_digest
from mes.ledger.database import open_engine
from mes.ledger.entry import Content, Draft, Write
from mes.ledger.independent import verify_ledger as independent
from mes.ledger.keys import SiteKey
from mes.ledger.site_events import ClockStepped, ContentRemoved, KeyRotated
from mes.ledger.store import Ledger
from tests.ledger.builders import DRAIN, KEY, NOW, NURSE, SITE
from tests.ledger.tamper.corpus import verdict


class Scribe:
    """Writes one random ledger; the same seed writes the same facts."""

    def __init__(self, seed: int, ledger: Ledger) -> None:
        self.dice, self.ledger, self.now = random.Random(seed), ledger, NOW
        self.kept: list[tuple[str, Content]] = []
        self.key = KEY

    def op(self) -> Op:
        """Return an operation id of this seed."""
        return Op(str(uuid.UUID(int=self.dice.getrandbits(128), version=4)))

    def append(self, stream: str, *drafts: Draft, contents: tuple[Content, ...] = ()) -> None:
        """Append one operation, some time later."""
        self.now += timedelta(seconds=self.dice.choice([0, 1, 3600]))
        actor = self.dice.choice([NURSE, DRAIN])
        self.ledger.append(self.op(), [Write(Stream(stream), drafts)], actor=actor, now=self.now, contents=contents)

    def fact(self) -> None:
        """Note one to five facts in one operation."""
        drafts = [Draft("test:fact:noted", {"n": self.dice.randrange(10**9)}) for _ in range(self.dice.randint(1, 5))]
        self.append(f"batch/B{self.dice.randint(1, 4)}", *drafts)

    def correction(self) -> None:
        """Correct an entry that stands there, and rely on another."""
        known = self.ledger.entry(self.dice.randrange(self.ledger.size))
        refs = (self.ledger.entry(self.dice.randrange(self.ledger.size)).reference,)
        self.append("batch/B9", Draft("test:fact:corrected", {}, refs=refs, corrects=(known.stream, known.seq)))

    def content(self) -> None:
        """Note a detachable text."""
        salt, body = self.dice.randbytes(32), self.dice.randbytes(self.dice.randint(0, 50))
        made = Content(content_digest(salt, body), salt, body, "text/plain")
        self.append("batch/B1", Draft("test:text:noted", {"text": made.as_reference()}), contents=(made,))
        self.kept.append(("batch/B1", made))

    def removal(self) -> None:
        """Remove a text that is there."""
        if self.kept:
            stream, gone = self.kept.pop(self.dice.randrange(len(self.kept)))
            self.append(stream, ContentRemoved(gone.digest, "retention").draft())

    def clock_step(self) -> None:
        """Let the clock go back, which the ledger then says first."""
        back = self.ledger.entries()
        *_, last = back
        self.now = last.at - timedelta(minutes=self.dice.randint(1, 90))
        stepped = ClockStepped(last.at, self.now).draft()
        self.ledger.append(
            self.op(), [Write(Stream(f"site/{SITE}"), (stepped,))], actor=DRAIN, now=self.now
        )  # fmt: skip

    def checkpoint(self) -> None:
        """Sign the tree."""
        self.ledger.checkpoint(self.now)


ACTS = ("fact", "fact", "fact", "correction", "content", "removal", "checkpoint", "clock_step")


def a_random_ledger(seed: int, url: str) -> None:
    """Write a ledger of up to some 120 entries; every third gets a new key on the way."""
    engine = open_engine(url)
    terms = {"clock": "real", "software": "test"}
    ledger = Ledger.create(engine, site=SITE, tz="Europe/Amsterdam", key=KEY, now=NOW, **terms)
    scribe = Scribe(seed, ledger)
    for _ in range(scribe.dice.randint(0, 30)):
        getattr(scribe, scribe.dice.choice(ACTS))()
    if seed % 3 == 0:
        new = SiteKey(KEY.name, scribe.dice.randbytes(32))
        rotated = KeyRotated(b64encode(new.public).decode(), b64encode(KEY.public).decode()).draft()
        scribe.append(f"site/{SITE}", rotated)
        ledger.close()
        ledger = scribe.ledger = Ledger.open(engine, site=SITE, tz="Europe/Amsterdam", key=new)
        for _ in range(scribe.dice.randint(0, 10)):
            getattr(scribe, scribe.dice.choice(ACTS))()
    scribe.checkpoint()
    ledger.close()
    engine.dispose()


def alarms(seeds: range, folder: Path) -> list[int]:
    """Return the seeds of clean ledgers that one of the two verifiers did not pass."""
    found = []
    for seed in seeds:
        path = folder / f"{seed}.sqlite"
        a_random_ledger(seed, f"sqlite:///{path}")
        ours = verdict(f"sqlite:///{path}")
        independent.check(independent.read(path, None), [], KEY.public)
        if ours != "OK":
            found.append(seed)
        for each in folder.glob(f"{seed}.sqlite*"):
            each.unlink()
    return found


@pytest.mark.rule("REG-P11-10a", "TE-10")
def test_no_clean_ledger_raises_an_alarm(tmp_path: Path) -> None:
    assert alarms(range(40), tmp_path) == []


@pytest.mark.campaign
@pytest.mark.rule("REG-P11-10a", "TE-10")
@pytest.mark.parametrize("hundred", range(10))
def test_a_thousand_clean_ledgers_raise_no_alarm(tmp_path: Path, hundred: int) -> None:
    assert alarms(range(hundred * 100, hundred * 100 + 100), tmp_path) == []


def test_random_ledgers_on_either_database(ledger_url: str) -> None:
    a_random_ledger(3, ledger_url)
    assert verdict(ledger_url) == "OK"
