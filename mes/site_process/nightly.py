"""The check that a site makes of its own ledger every night: what is new, and once a week every entry.

It reads beside the writer and never holds it. What it finds is an entry; a contradiction goes to the breach log
first, which holds the damaged streams, or everything where the tree itself is wrong. Rule: REL-P4.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from time import sleep
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine

from mes.clock import Clock
from mes.errors import IntegrityBreach, Refusal
from mes.ids import Stream, new_op
from mes.ledger.check_events import CheckKind, LedgerCheckFailed, LedgerCheckPassed
from mes.ledger.damage import Damage, batches_of, survey
from mes.ledger.entry import Actor, Write
from mes.ledger.events import Event, time_text
from mes.ledger.incremental import Reached, ReachedFile
from mes.ledger.notes import Verifier
from mes.ledger.store import Ledger
from mes.ledger.verify import Verified, verify_ledger
from mes.site_process.notices import Notices

HOUR = time(3, 0)
"""Local time of the check, a default [D]: the quiet hour of a clean room."""
FULL_EVERY = timedelta(days=7)
RETRY = timedelta(minutes=10)
"""After a fault (disk, database) the check is tried again this much later."""
PAUSE_S = 0.05
"""Between two pages of 4,096 entries, so that people do not wait for the check."""
MAX_LISTED = 100
NOTICE = "nightly-check"
ACTOR = Actor.system("self-check")

log = structlog.get_logger()


class Nightly:
    """Checks one ledger whenever it is due; `step` is one look of a background loop."""

    def __init__(self, ledger: Ledger, clock: Clock, engine: Engine, file: ReachedFile, notices: Notices) -> None:
        """`engine` names the database; the check reads it through connections of its own."""
        self._ledger, self._clock, self._engine = ledger, clock, engine
        self._file, self._notices = file, notices
        reached = file.read()
        last = reached.checked_at if reached else None
        self._due = next_due(last or ledger.entry(0).at, ledger.tz)
        self._not_entered: list[Event] = []

    def step(self) -> bool:
        """Check if it is due."""
        self._enter()
        now = self._clock.now()
        if now >= self._due:
            self._due = now + RETRY
            self.check(now)
            self._due = next_due(now, self._ledger.tz)
        return False

    def check(self, now: datetime) -> Verified | None:
        """Check now, record the outcome and return what holds; None where the record contradicts itself."""
        reached = self._file.read()
        kind = kind_due(reached, now)
        try:
            found = onward(self._engine, reached if kind is CheckKind.INCREMENTAL else None, breathe)
        except IntegrityBreach as breach:
            self._failed(kind, breach, now)
            return None
        if found.reached is not None:
            full_at = reached.full_at if reached and kind is CheckKind.INCREMENTAL else now
            self._file.write(found.reached.at(now, full_at))
        noted = tuple(f"{stream} is held" for stream in sorted(self._ledger.breaches.held))
        self._record(LedgerCheckPassed(kind, found.size, found.root.hex(), found.since, noted), now)
        self._notices.take_down(NOTICE)
        return found

    def _failed(self, kind: CheckKind, breach: IntegrityBreach, now: datetime) -> None:
        log.critical("check-failed", what=breach.what, index=breach.index)
        damage = survey(self._engine, self._ledger.gen, breathe)
        is_counted = breach.index in dict(damage.entries)
        held = streams_to_hold(damage, None if is_counted else self._stream_at(breach.index))
        for stream in held or (None,):
            found = IntegrityBreach(breach.what, index=breach.index, stream=stream, **breach.evidence)
            self._ledger.breaches.record(found, time_text(now))
        streams = tuple(sorted({*damage.streams, *held}))[:MAX_LISTED]
        batches = batches_of(streams)
        names = ", ".join(batches) or "none by name"
        self._notices.put(NOTICE, "ledger-check-failed", what=breach.what, batches=names)
        self._record(LedgerCheckFailed(kind, breach.what, breach.index, streams, batches, held or ("*",)), now)

    def _stream_at(self, index: int | None) -> Stream | None:
        if index is None:
            return None
        try:
            return self._ledger.entry(index).stream
        except (Refusal, ValueError, KeyError):  # the entry is gone, or its bytes are no entry any more
            return None

    def _record(self, event: Event, now: datetime) -> None:
        self._not_entered.append(event)
        self._enter(now)

    def _enter(self, now: datetime | None = None) -> None:
        """Enter what was found; while the ledger is held it waits, and the breach log alone tells of it."""
        while self._not_entered:
            try:
                write = Write(self._ledger.site_stream, (self._not_entered[0].draft(),))
                self._ledger.append(new_op(), [write], actor=ACTOR, now=now or self._clock.now())
            except Refusal:
                del self._not_entered[:-MAX_LISTED]
                return
            self._not_entered.pop(0)


def next_due(after: datetime, tz: str) -> datetime:
    """Return the first HOUR of the site's local time after a moment."""
    zone = ZoneInfo(tz)
    day = after.astimezone(zone).date()
    while True:
        due = datetime.combine(day, HOUR, zone).astimezone(UTC)
        if due > after:
            return due
        day += timedelta(days=1)


def kind_due(reached: Reached | None, now: datetime) -> CheckKind:
    """Return whether what is new will do, or every entry must be read."""
    if reached is None or reached.full_at is None or now - reached.full_at >= FULL_EVERY:
        return CheckKind.FULL
    return CheckKind.INCREMENTAL


def onward(
    engine: Engine,
    reached: Reached | None,
    pause: Callable[[], None] | None = None,
    key: Verifier | None = None,
) -> Verified:
    """Check what came after `reached` (everything, if None); IntegrityBreach names the first bad entry.

    Where what was reached is not the beginning of this ledger, everything is read to find the entry that differs;
    if each one agrees with the others, the ledger as a whole is another or an older one, and that is the breach.
    """
    if reached is None:
        return verify_ledger(engine, pause=pause, key=key)
    try:
        return verify_ledger(engine, since=reached, pause=pause, key=key)
    except IntegrityBreach:
        verify_ledger(engine, pause=pause, key=key)
        raise


def streams_to_hold(damage: Damage, at_index: Stream | None) -> tuple[Stream, ...]:
    """Return the streams to be held, the whole ledger if empty: where the tree is wrong, or nothing can be named."""
    if not damage.tree_stands:
        return ()
    named = {*damage.streams, *([at_index] if at_index else [])}
    return tuple(sorted(named))


def breathe() -> None:
    """Let others work for a moment."""
    sleep(PAUSE_S)
