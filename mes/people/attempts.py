"""How often somebody failed of late, per typed name and terminal: a slow-down that cannot stop a colleague.

Kept in memory only. Typed names are kept as keyed hashes, because people type passwords into the wrong field.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from threading import Lock

from mes.errors import Refusal
from mes.people.decide import FORGOTTEN_AFTER_S, wait_s

MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class _Row:
    count: int
    last: float


class Attempts:
    """Counts attempts to prove who one is; `monotonic` is injected for tests."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._rows: OrderedDict[bytes, _Row] = OrderedDict()
        self._lock = Lock()

    def begin(self, name: str, terminal: str) -> int:
        """Count an attempt before it is checked, so that a hundred at once count a hundred; return the count.

        Refuses with `too-many-attempts` (429, `wait_s`) while the wait of the earlier ones is not over.
        """
        key = self._key_of(name, terminal)
        with self._lock:
            now = self._monotonic()
            row = self._rows.get(key)
            if row is None or now - row.last > FORGOTTEN_AFTER_S:
                row = _Row(0, now)
            left = row.last + wait_s(row.count) - now
            if row.count and left > 0:
                raise Refusal("too-many-attempts", status=429, wait_s=ceil(left))
            row.count, row.last = row.count + 1, now
            self._rows[key] = row
            self._rows.move_to_end(key)
            while len(self._rows) > MAX_REMEMBERED:
                self._rows.popitem(last=False)
            return row.count

    def succeeded(self, name: str, terminal: str) -> None:
        """Forget the failures of this name at this terminal."""
        with self._lock:
            self._rows.pop(self._key_of(name, terminal), None)

    @property
    def remembered(self) -> int:
        """Return for how many pairs of name and terminal attempts are remembered, at most 10,000."""
        return len(self._rows)

    def _key_of(self, name: str, terminal: str) -> bytes:
        text = f"{len(name)}:{name}{terminal}".encode(errors="surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()
