"""Who is signed in where: `<site>/sessions.sqlite`, on wall time, outside the ledger and its backups.

A stolen copy of this file signs nobody in: it holds hashes of the session ids. It also remembers which one-time codes
were used.
"""

import hashlib
import hmac
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from mes.errors import Fault
from mes.ids import PersonId

IDLE_S = 15 * 60
ABSOLUTE_S = 12 * 60 * 60
TOUCH_S = 5
"""A request moves the idle limit at most this often, so that reading a page costs no fsync."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS session (
  token_hash TEXT PRIMARY KEY, person TEXT NOT NULL, terminal TEXT NOT NULL,
  started REAL NOT NULL, seen REAL NOT NULL, signed_before INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS session_of_person ON session (person);
CREATE TABLE IF NOT EXISTS attempt (key BLOB PRIMARY KEY, count INTEGER NOT NULL, last REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS familiar (key BLOB PRIMARY KEY, seen REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS used_code (person TEXT PRIMARY KEY, step INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as stored, found by its token; `csrf` is derived from the token and stored nowhere."""

    token_hash: str = field(repr=False)
    person: PersonId
    terminal: str
    signed_before: bool
    csrf: str = field(repr=False)


class Sessions:
    """The only writer of a site's sessions file. Idle and absolute limits in seconds of wall time."""

    def __init__(
        self,
        path: Path,
        *,
        wall: Callable[[], float] = time.time,
        idle_s: float = IDLE_S,
        absolute_s: float = ABSOLUTE_S,
    ) -> None:
        self.wall = wall
        self._idle_s = idle_s
        self._absolute_s = absolute_s
        self._lock = Lock()
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        mode = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        self._db.execute("PRAGMA synchronous=FULL")
        level = self._db.execute("PRAGMA synchronous").fetchone()[0]
        if (mode, level) != ("wal", 2):
            raise Fault(
                "database-settings", setting="journal_mode, synchronous", found=f"{mode}, {level}", wanted="wal, 2"
            )
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def start(self, person: PersonId, terminal: str) -> str:
        """Open a session and return its token, which is told once and stored nowhere."""
        token = secrets.token_urlsafe(32)
        now = self.wall()
        with self._lock:
            self._db.execute(
                "DELETE FROM session WHERE seen < ? OR started < ?",
                (now - self._idle_s, now - self._absolute_s),
            )
            self._db.execute(
                "INSERT INTO session (token_hash, person, terminal, started, seen) VALUES (?,?,?,?,?)",
                (hash_of(token), person, terminal, now, now),
            )
        return token

    def find(self, token: str, *, is_activity: bool = True) -> OpenSession | None:
        """Return the session of this token while it lasts; a page that asks by itself is no activity of a person."""
        key, now = hash_of(token), self.wall()
        with self._lock:
            row = self._db.execute(
                "SELECT person, terminal, started, seen, signed_before FROM session WHERE token_hash = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            person, terminal, started, seen, signed_before = row
            if now - seen > self._idle_s or now - started > self._absolute_s:
                self._db.execute("DELETE FROM session WHERE token_hash = ?", (key,))
                return None
            if is_activity and now - seen > TOUCH_S:
                self._db.execute("UPDATE session SET seen = ? WHERE token_hash = ?", (now, key))
        return OpenSession(key, PersonId(person), terminal, bool(signed_before), _csrf_of(token))

    def signed_before(self, token_hash: str) -> bool | None:
        """Tell whether a full signature was given in this session already; None once it has ended."""
        now = self.wall()
        with self._lock:
            row = self._db.execute(
                "SELECT signed_before FROM session WHERE token_hash = ? AND seen >= ? AND started >= ?",
                (token_hash, now - self._idle_s, now - self._absolute_s),
            ).fetchone()
        return None if row is None else bool(row[0])

    def mark_signed(self, token_hash: str) -> None:
        """Remember that all components were shown in this session."""
        with self._lock:
            self._db.execute(
                "UPDATE session SET signed_before = 1 WHERE token_hash = ? AND NOT signed_before", (token_hash,)
            )  # what is so already costs no write

    def renew(self, token_hash: str, person: PersonId) -> str:
        """End every session of a person, and go on with this one under a fresh token; returns the token.

        Its limits go on from where they were. A session that ended meanwhile is not brought back: the token is dead.
        """
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._db.execute("DELETE FROM session WHERE person = ? AND token_hash <> ?", (person, token_hash))
            self._db.execute("UPDATE session SET token_hash = ? WHERE token_hash = ?", (hash_of(token), token_hash))
        return token

    def end(self, token: str) -> None:
        """End the session of this token."""
        with self._lock:
            self._db.execute("DELETE FROM session WHERE token_hash = ?", (hash_of(token),))

    def end_all(self, person: PersonId) -> int:
        """End every session of a person and return how many there were."""
        with self._lock:
            return self._db.execute("DELETE FROM session WHERE person = ?", (person,)).rowcount

    def attempts(self) -> dict[bytes, tuple[int, float]]:
        """Return the failures that were kept: count and time of the last, by keyed hash."""
        with self._lock:
            rows = self._db.execute("SELECT key, count, last FROM attempt").fetchall()
        return {key: (count, last) for key, count, last in rows}

    def keep_attempt(self, key: bytes, count: int, last: float, *, before: float) -> None:
        """Keep a count over a restart, and forget those whose last failure lies `before`."""
        with self._lock:
            self._db.execute("DELETE FROM attempt WHERE last < ?", (before,))
            self._db.execute("INSERT OR REPLACE INTO attempt (key, count, last) VALUES (?,?,?)", (key, count, last))

    def forget_attempt(self, key: bytes) -> None:
        """Forget a count."""
        with self._lock:
            self._db.execute("DELETE FROM attempt WHERE key = ?", (key,))

    def familiar(self, before: float) -> set[bytes]:
        """Return the keyed hashes of pairs of name and terminal that succeeded since `before`."""
        with self._lock:
            self._db.execute("DELETE FROM familiar WHERE seen < ?", (before,))
            return {row[0] for row in self._db.execute("SELECT key FROM familiar")}

    def keep_familiar(self, key: bytes) -> None:
        """Remember that this name succeeded at this terminal."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO familiar (key, seen) VALUES (?,?)", (key, self.wall()))

    def use_code(self, person: PersonId, step: int) -> bool:
        """Use up the one-time code of a 30 s step; False if it or a later one was used before."""
        with self._lock:
            used = self._db.execute(
                "INSERT INTO used_code (person, step) VALUES (?, ?) "
                "ON CONFLICT (person) DO UPDATE SET step = excluded.step WHERE excluded.step > used_code.step",
                (person, step),
            )
            return used.rowcount == 1


def hash_of(token: str) -> str:
    """Return the form of a token that is stored (256 random bits need no slow hash)."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _csrf_of(token: str) -> str:
    return hmac.new(token.encode(errors="surrogatepass"), b"csrf", hashlib.sha256).hexdigest()
