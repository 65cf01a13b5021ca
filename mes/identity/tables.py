"""The vault's own file, `<site>/vault.sqlite`: ciphertexts and wristband digests, never in the site's database."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from mes.errors import Refusal
from mes.identity.sealing import SealedPatient

_SCHEMA = """
CREATE TABLE IF NOT EXISTS patient (
  patient TEXT PRIMARY KEY, wristband TEXT NOT NULL UNIQUE, wrapped_key BLOB NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS forgotten (patient TEXT PRIMARY KEY) STRICT;
"""
_SETTINGS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA secure_delete = ON")
BUSY_S = 5.0


class VaultFile:
    """Reads and writes the vault's file; mode 0600 from its first moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        with self._connection() as connection:
            connection.executescript(_SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock, closing(sqlite3.connect(self._path, timeout=BUSY_S)) as connection, connection:
            for setting in _SETTINGS:
                connection.execute(setting)
            yield connection

    def add(self, patient: str, wristband: str, sealed: SealedPatient) -> None:
        """Keep a new patient; refuses `wristband-taken` if the wristband is somebody's already."""
        try:
            with self._connection() as connection:
                connection.execute(
                    "INSERT INTO patient (patient, wristband, wrapped_key, body) VALUES (?, ?, ?, ?)",
                    (patient, wristband, sealed.wrapped_key, sealed.body),
                )
        except sqlite3.IntegrityError as error:
            raise Refusal("wristband-taken") from error

    def find(self, patient: str) -> SealedPatient | None:
        """Return what is kept of a patient."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT wrapped_key, body FROM patient WHERE patient = ?", (patient,)
            ).fetchone()  # fmt: skip
        return SealedPatient(*row) if row else None

    def patient_of(self, wristband: str) -> str | None:
        """Return whose wristband has this digest."""
        with self._connection() as connection:
            row = connection.execute("SELECT patient FROM patient WHERE wristband = ?", (wristband,)).fetchone()
        return str(row[0]) if row else None

    def wristband_of(self, patient: str) -> str | None:
        """Return the digest of a patient's wristband."""
        with self._connection() as connection:
            row = connection.execute("SELECT wristband FROM patient WHERE patient = ?", (patient,)).fetchone()
        return str(row[0]) if row else None

    def patients(self) -> list[str]:
        """Return the vault ids of everybody it keeps."""
        with self._connection() as connection:
            return [str(row[0]) for row in connection.execute("SELECT patient FROM patient ORDER BY patient")]

    def secret(self, name: str) -> bytes | None:
        """Return a sealed key of the vault's own."""
        with self._connection() as connection:
            row = connection.execute("SELECT body FROM secret WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row else None

    def keep_secret(self, name: str, body: bytes) -> None:
        """Keep a sealed key of the vault's own, unless one of that name lies there."""
        with self._connection() as connection:
            connection.execute("INSERT OR IGNORE INTO secret (name, body) VALUES (?, ?)", (name, body))

    def rewrap(self, change: Callable[[str, bytes], bytes], name: str, body: bytes) -> int:
        """Replace every wrapped data key and one secret in a single transaction; return how many patients there are."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            kept = connection.execute("SELECT patient, wrapped_key FROM patient").fetchall()
            for patient, wrapped in kept:
                fresh = change(patient, bytes(wrapped))
                connection.execute("UPDATE patient SET wrapped_key = ? WHERE patient = ?", (fresh, patient))
            connection.execute("INSERT OR REPLACE INTO secret (name, body) VALUES (?, ?)", (name, body))
        return len(kept)

    def forget(self, patient: str) -> None:
        """Delete a patient's wrapped key and ciphertext; freed bytes are overwritten, the write-ahead log emptied."""
        with self._connection() as connection:
            connection.execute("DELETE FROM patient WHERE patient = ?", (patient,))
            connection.execute("INSERT OR IGNORE INTO forgotten (patient) VALUES (?)", (patient,))
        with self._connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def is_forgotten(self, patient: str) -> bool:
        """Tell whether this patient was kept once and forgotten by an entry."""
        with self._connection() as connection:
            return connection.execute("SELECT 1 FROM forgotten WHERE patient = ?", (patient,)).fetchone() is not None
