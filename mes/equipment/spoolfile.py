"""How the spools are opened: SQLite files of mode 0600 with one writing process, WAL, every commit on the disk."""

import os
import sqlite3
from pathlib import Path

from mes.errors import Fault

BUSY_MS = 10_000


def open_writer(path: Path, schema: str) -> sqlite3.Connection:
    """Open a spool for its one writing process and make its tables; Fault if commits would not be durable.

    The connection may wander between threads; its user sees to it that one at a time uses it.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    if (mode, level) != ("wal", 2):
        connection.close()
        raise Fault("spool-settings", path=path.name, journal_mode=mode, synchronous=level)
    connection.executescript(schema)
    return connection


def open_reader(path: Path) -> sqlite3.Connection | None:
    """Open a spool read-only, or return None while its writer has not made it yet."""
    if not path.exists():
        return None
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    return connection
