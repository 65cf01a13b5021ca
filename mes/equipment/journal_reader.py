"""Reading `collect.journal` from another process: live values, the journal's tick, and what the drain has next."""

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mes.equipment.journal import FactKind
from mes.equipment.samples import Sample
from mes.equipment.spoolfile import open_reader
from mes.ids import EquipmentId

CLOCK_TAG = "device.clock"
"""Sampled at every tick of the device and last in it: its newest source time is the tick that has wholly arrived."""
AFTER = "SELECT * FROM placed WHERE position > ? ORDER BY position LIMIT ?"
LATEST = "SELECT * FROM placed WHERE device = ? AND position = latest ORDER BY position"
FACTS = "SELECT * FROM fact WHERE position > ? ORDER BY position LIMIT ?"
LINK = "SELECT * FROM fact WHERE device = ? AND kind = 'link' ORDER BY position DESC LIMIT 1"
TICK = """SELECT max((SELECT max(source_time) FROM sample WHERE tag = t.id AND source_time IS NOT NULL))
  FROM tag t WHERE device = ? AND name = ?"""


@dataclass(frozen=True, slots=True)
class JournalSample:
    """One sample at its place in the journal."""

    position: int
    device: EquipmentId
    tag: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class JournalFact:
    """An alarm, an outcome, a gap or a change of the link, behind the samples up to `after_sample`."""

    position: int
    device: EquipmentId
    kind: FactKind
    after_sample: int
    at: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """The next stretch of the journal, as one snapshot. `whole`: nothing lay behind it when it was read."""

    samples: list[JournalSample]
    facts: list[JournalFact]
    whole: bool


EMPTY = Page([], [], True)


class JournalReader:
    """The journal as other processes see it; any thread may ask. Empty until the collector has made the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @property
    def ident(self) -> str | None:
        """Return the id the journal was born with, None while there is no journal."""
        db = self._open()
        row = db.execute("SELECT id FROM journal").fetchone() if db else None
        return row[0] if row else None

    def after(self, sample: int, fact: int, *, samples: int, facts: int) -> Page:
        """Return what stands behind the two positions, at most so many of each, cut so that the order holds."""
        db = self._open()
        if db is None:
            return EMPTY
        db.execute("BEGIN")
        try:
            found = [_sample(row) for row in db.execute(AFTER, (sample, samples))]
            told = [_fact(row) for row in db.execute(FACTS, (fact, facts))]
        finally:
            db.execute("COMMIT")
        whole = len(found) < samples and len(told) < facts
        if len(found) == samples:  # facts behind samples that are not on this page wait
            told = [one for one in told if one.after_sample <= found[-1].position]
        if len(told) == facts:  # samples behind facts that are not on this page wait
            found = [one for one in found if one.position <= told[-1].after_sample]
        return Page(found, told, whole)

    def latest(self, device: str) -> dict[str, Sample]:
        """Return the newest sample of every tag of the device, as it arrived."""
        db = self._open()
        rows = db.execute(LATEST, (device,)) if db else ()
        return {one.tag: one.sample for one in map(_sample, rows)}

    def tick(self, device: str) -> int | None:
        """Return the newest tick of the device in the journal, in ticks."""
        db = self._open()
        row = db.execute(TICK, (device, CLOCK_TAG)).fetchone() if db else None
        return row[0] if row else None

    def link(self, device: str) -> JournalFact | None:
        """Return the newest change of the link to the device; its body holds `state` and `detail`."""
        db = self._open()
        row = db.execute(LINK, (device,)).fetchone() if db else None
        return _fact(row) if row else None

    def count(self, device: str) -> int:
        """Return how many samples of the device the journal holds; walks through them all."""
        db = self._open()
        asked = "SELECT count(*) FROM sample WHERE tag IN (SELECT id FROM tag WHERE device = ?)"
        return int(db.execute(asked, (device,)).fetchone()[0]) if db else 0

    def _open(self) -> sqlite3.Connection | None:
        if getattr(self._local, "db", None) is None:
            self._local.db = open_reader(self._path)
        db: sqlite3.Connection | None = self._local.db
        return db


def _sample(row: tuple[Any, ...]) -> JournalSample:
    position, device, tag, value, unit, status, source, server, receive, origin, _ = row
    return JournalSample(position, device, tag, Sample(value, unit, status, source, server, receive, origin))


def _fact(row: tuple[Any, ...]) -> JournalFact:
    position, device, kind, after_sample, at, body = row
    return JournalFact(position, device, FactKind(kind), after_sample, at, json.loads(body))
