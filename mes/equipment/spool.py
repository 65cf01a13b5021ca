"""`commands.spool`: commands on their way from the record to the collector. Written by `mes serve` alone.

A row is put in after the command's entry is committed, and only ever once: the collector claims it in its own
journal before it sends, so that neither side can make a device do something twice.
"""

import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from equipment_drivers.readings import Command, CommandVerb
from mes.equipment.model import OpenCommand
from mes.equipment.spoolfile import open_reader, open_writer
from mes.ids import EquipmentId

SCHEMA = """
CREATE TABLE IF NOT EXISTS command(
  position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, device TEXT NOT NULL, verb TEXT NOT NULL,
  args TEXT NOT NULL, expires_at REAL NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A command for a device, not to be sent after `expires_at` (wall time, seconds since 1970)."""

    position: int
    device: EquipmentId
    command: Command
    expires_at: float


class CommandSpool:
    """The writing end, in `mes serve`; any thread may use it."""

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path, SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def put(self, command: OpenCommand, expires_at: float) -> bool:
        """Hand the command to the collector, durably; False if it was handed over before."""
        args = json.dumps({argument.name: argument.value for argument in command.args})
        row = (command.command, command.device, command.verb, args, expires_at)
        with self._lock:
            added = self._db.execute("INSERT OR IGNORE INTO command VALUES (NULL,?,?,?,?,?)", row)
            return bool(added.rowcount)

    def holds(self, command: str) -> bool:
        """Return whether the command was handed over, by this process or one before it."""
        with self._lock:
            return self._db.execute("SELECT 1 FROM command WHERE id = ?", (command,)).fetchone() is not None


class SpoolReader:
    """The reading end, in `mes collect`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def after(self, position: int, limit: int = 64) -> list[Spooled]:
        """Return the commands behind `position`, oldest first."""
        self._db = self._db or open_reader(self._path)
        if self._db is None:
            return []
        rows = self._db.execute("SELECT * FROM command WHERE position > ? ORDER BY position LIMIT ?", (position, limit))
        return [
            Spooled(place, EquipmentId(device), Command(ident, CommandVerb(verb), json.loads(args)), expires_at)
            for place, ident, device, verb, args, expires_at in rows
        ]

    def close(self) -> None:
        """Close the file, if it was ever opened."""
        if self._db is not None:
            self._db.close()
