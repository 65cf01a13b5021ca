"""Has certifications time-stamped in the background, where a site names an authority; tried again within bounds."""

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import func, select

from mes.batches.events import BatchCertified
from mes.errors import Fault
from mes.ids import new_op
from mes.ledger.entry import Actor, Write
from mes.ledger.site_events import TimeStamped
from mes.ledger.store import Ledger
from mes.ledger.tables import ENTRY, position_of
from mes.ledger.time_stamps import Authority

STAMPER = Actor.system("time-stamps")
FIRST_WAIT_S, LONGEST_WAIT_S = 60.0, 3_600.0

log = structlog.get_logger()


class Stamper:
    """Looks for certifications that no time stamp covers, and has the newest checkpoint stamped for all of them."""

    def __init__(
        self, ledger: Ledger, authority: Callable[[], Authority], now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._ledger, self._authority, self._now, self._monotonic = ledger, authority, now, monotonic
        self._wait_s, self._due = FIRST_WAIT_S, monotonic()
        self._read_to = self._newest_certified = -1

    def step(self) -> bool:
        """Stamp if there is something to stamp and no wait runs; True if a stamp was recorded.

        After a failure the wait doubles from a minute to an hour: nothing else waits for it.
        """
        if self._monotonic() < self._due:
            return False
        covered = self._covered()
        if self._certified(covered) <= covered:
            return False
        try:
            self._stamp()
        except Fault as fault:
            log.warning("time-stamp-failed", code=fault.code, again_in_s=self._wait_s)
            self._due = self._monotonic() + self._wait_s
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            return False
        self._wait_s = FIRST_WAIT_S
        return True

    def _stamp(self) -> None:
        ledger = self._ledger
        note = ledger.checkpoint(self._now())
        size = int(note.split("\n", 2)[1])
        made = self._authority().stamped(ledger.origin, size, note)
        ledger.append(new_op(), [Write(ledger.site_stream, (made.draft(),))], actor=STAMPER, now=self._now())

    def _certified(self, covered: int) -> int:
        """Return the index of the newest certification; only entries that came since the last look are read."""
        start, gen = max(self._read_to, covered) + 1, self._ledger.gen
        end = self._ledger.size
        rows = select(func.max(ENTRY.c.index)).where(
            ENTRY.c.position.between(position_of(gen, start), position_of(gen, end) - 1),
            ENTRY.c.type == BatchCertified.tag,
        )
        with self._ledger.read() as connection:
            found: int | None = connection.execute(rows).scalar()
        self._read_to = end - 1
        self._newest_certified = self._newest_certified if found is None else found
        return self._newest_certified

    def _covered(self) -> int:
        """Return the last index that a time-stamped checkpoint covers, -1 for none."""
        own = (ENTRY.c.gen == self._ledger.gen, ENTRY.c.stream == self._ledger.site_stream)
        newest = select(func.max(ENTRY.c.index)).where(*own, ENTRY.c.type == TimeStamped.tag)
        with self._ledger.read() as connection:
            index: int | None = connection.execute(newest).scalar()
        return -1 if index is None else int(self._ledger.entry(index).data["size"]) - 1
