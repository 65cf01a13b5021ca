"""How often somebody failed of late, per typed name and terminal: a slow-down that cannot stop a colleague.

At a terminal where a name succeeded before, only failures at that terminal count; all other terminals share one
count per name, so that a guesser who pretends to be a new terminal each time is slowed down, and the owner at the
usual terminal is not. Typed names are kept as keyed hashes, because people type passwords into the wrong field.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from threading import Lock

from mes.errors import Refusal
from mes.people.decide import FORGOTTEN_AFTER_S, wait_s
from mes.people.sessions import Sessions

MAX_REMEMBERED = 10_000
FAMILIAR_FOR_S = 400 * 86_400
ELSEWHERE = ""
"""Stands for every terminal at which a name never succeeded."""


@dataclass(slots=True)
class _Row:
    count: int
    last: float


class Attempts:
    """Counts attempts to prove who one is, on wall time; counts above one outlive a restart in the sessions file."""

    def __init__(self, sessions: Sessions, key: bytes) -> None:
        self._sessions = sessions
        self._key = key
        self._lock = Lock()
        kept = sorted(sessions.attempts().items(), key=lambda row: row[1][1])[-MAX_REMEMBERED:]
        self._rows = OrderedDict((name, _Row(count, last)) for name, (count, last) in kept)
        self._familiar = sessions.familiar(sessions.wall() - FAMILIAR_FOR_S)

    def begin(self, name: str, terminal: str) -> int:
        """Count an attempt before it is checked, so that a hundred at once count a hundred; return the count.

        Refuses with `too-many-attempts` (429, `wait_s`) while the wait of the earlier ones is not over.
        """
        with self._lock:
            key, now = self._counted(name, terminal), self._sessions.wall()
            row = self._rows.get(key)
            if row is None or now - row.last > FORGOTTEN_AFTER_S:
                row = _Row(0, now)
            wait = wait_s(row.count)
            # A wall clock that was set back must not make the wait longer than it is.
            left = min(row.last + wait - now, wait)
            if row.count and left > 0:
                raise Refusal("too-many-attempts", status=429, wait_s=ceil(left))
            row.count, row.last = row.count + 1, now
            self._rows[key] = row
            self._rows.move_to_end(key)
            while len(self._rows) > MAX_REMEMBERED:
                self._sessions.forget_attempt(self._rows.popitem(last=False)[0])
            if row.count > 1:  # the first attempt is right as a rule, and costs no write
                self._sessions.keep_attempt(key, row.count, now, before=now - FORGOTTEN_AFTER_S)
            return row.count

    def succeeded(self, name: str, terminal: str) -> None:
        """Forget the failures that the next attempt of this name at this terminal would wait for."""
        with self._lock:
            key, own = self._counted(name, terminal), self._key_of(name, terminal)
            row = self._rows.pop(key, None)
            if row is not None and row.count > 1:
                self._sessions.forget_attempt(key)
            if own not in self._familiar:
                self._familiar.add(own)
                self._sessions.keep_familiar(own)

    @property
    def remembered(self) -> int:
        """Return for how many pairs of name and terminal attempts are remembered, at most 10,000."""
        return len(self._rows)

    def _counted(self, name: str, terminal: str) -> bytes:
        own = self._key_of(name, terminal)
        return own if own in self._familiar else self._key_of(name, ELSEWHERE)

    def _key_of(self, name: str, terminal: str) -> bytes:
        text = f"{len(name)}:{name}{terminal}".encode(errors="surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()
