"""The vault's own file, `<site>/vault.sqlite`: ciphertexts and wristband digests, never in the site's database."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from mes.errors import Refusal
from mes.identity.sealing import SealedPatient

_SCHEMA = """
CREATE TABLE IF NOT EXISTS patient (
  patient TEXT PRIMARY KEY, wristband TEXT NOT NULL UNIQUE, wrapped_key BLOB NOT NULL, body BLOB NOT NULL
) STRICT;
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
