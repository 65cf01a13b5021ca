"""`collect.journal`: what devices sent and what became of commands, on the disk before anybody relies on it.

Written by `mes collect` alone. `sample.position` and `fact.position` only grow; a fact stands behind the samples up
to its `after_sample`: together they give the drain one order.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

from equipment_drivers.driver import Publish, SubscriptionState
from equipment_drivers.readings import CommandOutcome, LinkState, Origin, Reading
from mes.equipment.spoolfile import open_writer
from mes.ids import EquipmentId

SCHEMA = """
CREATE TABLE IF NOT EXISTS journal(id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS tag(
  id INTEGER PRIMARY KEY, device TEXT NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL, latest INTEGER,
  UNIQUE(device, name, unit));
CREATE TABLE IF NOT EXISTS sample(
  position INTEGER PRIMARY KEY AUTOINCREMENT, tag INTEGER NOT NULL REFERENCES tag(id), value TEXT NOT NULL,
  status INTEGER NOT NULL, source_time INTEGER, server_time INTEGER, receive_time INTEGER NOT NULL,
  subscription INTEGER NOT NULL, sequence INTEGER NOT NULL, item INTEGER NOT NULL, origin TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS sample_identity ON sample(tag, source_time, value, status >> 16)
  WHERE source_time IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS sample_delivery ON sample(tag, subscription, sequence, item)
  WHERE source_time IS NULL;
CREATE VIEW IF NOT EXISTS placed AS
  SELECT s.position, t.device, t.name, s.value, t.unit, s.status, s.source_time, s.server_time, s.receive_time,
    s.origin, t.latest FROM sample s JOIN tag t ON t.id = s.tag;
CREATE TABLE IF NOT EXISTS fact(
  position INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, kind TEXT NOT NULL,
  after_sample INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS fact_alarm ON fact(device, body) WHERE kind = 'alarm';
CREATE TABLE IF NOT EXISTS session(device TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS command_claim(
  command TEXT PRIMARY KEY, device TEXT NOT NULL, claimed_at INTEGER NOT NULL, result TEXT);
"""
INSERT_SAMPLE = "INSERT OR IGNORE INTO sample VALUES (NULL,?,?,?,?,?,?,?,?,?,?)"
INSERT_FACT = "INSERT OR IGNORE INTO fact VALUES (NULL,?,?,(SELECT coalesce(max(position), 0) FROM sample),?,?)"


class FactKind(StrEnum):
    """What else than samples the journal holds for the drain."""

    ALARM = "alarm"
    OUTCOME = "outcome"
    LINK = "link"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Claim:
    """A command that was claimed and of which nobody knows what became."""

    command: str
    device: EquipmentId


class JournalWriter:
    """The journal of one site, to be used by one thread of one process at a time."""

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path, SCHEMA)
        self._db.execute("INSERT INTO journal SELECT ? WHERE NOT EXISTS (SELECT 1 FROM journal)", (str(uuid4()),))
        self._tags: dict[tuple[str, str, str], int] = {}

    def close(self) -> None:
        """Close the file; committed rows stay."""
        self._db.close()

    def commit(self, device: EquipmentId, publish: Publish, session: SubscriptionState | None) -> int:
        """Store one notification and the session that it belongs to; return how many samples were new.

        Durable when it returns. A sample is known if the same tag, source time, value and status code (without its
        information bits) stand already, or, where the device gave no source time, the same delivery.
        """
        with self._transaction() as db:
            new = self._samples(db, device, publish)
            for alarm in publish.alarms:
                body = {
                    "code": alarm.code, "event_id": alarm.event_id, "message": alarm.message, "active": alarm.active,
                    "severity": alarm.severity, "acknowledged": alarm.acknowledged, "source_time": alarm.source_time,
                }  # fmt: skip
                self._fact(db, device, FactKind.ALARM, alarm.receive_time, body)
            for gap in publish.gaps:
                body = {"cause": gap.cause, "from": gap.from_time, "to": gap.to_time, "tags": list(gap.tags)}
                self._fact(db, device, FactKind.GAP, gap.to_time, body)
            if session is not None:
                kept = json.dumps(session.to_json())
                db.execute("INSERT OR REPLACE INTO session VALUES (?,?)", (device, kept))
        return new

    def restore(self, device: EquipmentId) -> SubscriptionState | None:
        """Return the newest committed session of the device."""
        row = self._db.execute("SELECT body FROM session WHERE device = ?", (device,)).fetchone()
        return SubscriptionState.from_json(json.loads(row[0])) if row else None

    def link_changed(self, device: EquipmentId, state: LinkState, detail: str, at: int) -> None:
        """Note a change of the link to the device."""
        with self._transaction() as db:
            self._fact(db, device, FactKind.LINK, at, {"state": state, "detail": detail})

    def claim(self, command: str, device: EquipmentId, at: int) -> bool:
        """Claim a command before it is sent; False if it was claimed before, by this process or a dead one."""
        with self._transaction() as db:
            row = (command, device, at)
            return bool(db.execute("INSERT OR IGNORE INTO command_claim VALUES (?,?,?,NULL)", row).rowcount)

    def finish(self, device: EquipmentId, outcome: CommandOutcome) -> None:
        """Note what became of a claimed command; the first outcome stands."""
        with self._transaction() as db:
            settled = db.execute(
                "UPDATE command_claim SET result = ? WHERE command = ? AND result IS NULL",
                (outcome.result, outcome.command_id),
            )
            if settled.rowcount:
                body = {"command": outcome.command_id, "result": outcome.result, "detail": outcome.detail}
                self._fact(db, device, FactKind.OUTCOME, outcome.at, body)

    def unfinished(self) -> list[Claim]:
        """Return claims without outcome; at the start of a process: those that a dead one left behind."""
        rows = self._db.execute("SELECT command, device FROM command_claim WHERE result IS NULL ORDER BY rowid")
        return [Claim(command, EquipmentId(device)) for command, device in rows]

    def _samples(self, db: sqlite3.Connection, device: EquipmentId, publish: Publish) -> int:
        new = 0
        latest: dict[int, int] = {}
        for reading in publish.readings:
            tag = self._tag(db, device, reading)
            added = db.execute(INSERT_SAMPLE, _row(tag, reading))
            if added.rowcount:
                new += 1
                if reading.origin is not Origin.HISTORY and added.lastrowid:
                    latest[tag] = added.lastrowid
        db.executemany("UPDATE tag SET latest = ? WHERE id = ?", [(row, tag) for tag, row in latest.items()])
        return new

    def _tag(self, db: sqlite3.Connection, device: EquipmentId, reading: Reading) -> int:
        key = (device, reading.tag, reading.unit)
        if key not in self._tags:
            db.execute("INSERT OR IGNORE INTO tag(device, name, unit) VALUES (?,?,?)", key)
            found = db.execute("SELECT id FROM tag WHERE device = ? AND name = ? AND unit = ?", key)
            self._tags[key] = found.fetchone()[0]
        return self._tags[key]

    def _fact(
        self, db: sqlite3.Connection, device: EquipmentId, kind: FactKind, at: int, body: Mapping[str, Any]
    ) -> None:
        db.execute(INSERT_FACT, (device, kind, at, json.dumps(body, sort_keys=True)))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:  # also a cancelled task: nothing half-written, no stale tag numbers
            self._tags.clear()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _row(tag: int, reading: Reading) -> tuple[object, ...]:
    return (
        tag, reading.value, reading.status, reading.source_time, reading.server_time, reading.receive_time,
        reading.subscription, reading.sequence, reading.item, reading.origin.value,
    )  # fmt: skip
