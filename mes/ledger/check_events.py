"""What the site records about its own checks of the ledger."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from mes.ledger.events import Event


class CheckKind(StrEnum):
    """How far a check went: the settings and the tail at a start, what is new, or every entry."""

    START = "start"
    INCREMENTAL = "incremental"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class LedgerCheckPassed(Event):
    """Nothing contradicts itself: `size` entries under `root` (hex), of which those from `since` on were read.

    `noted` holds what is no contradiction and should be known: a long time off, a disk that fills, a held stream.
    """

    tag: ClassVar[str] = "site:check:passed"
    kind: CheckKind
    size: int
    root: str
    since: int
    noted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerCheckFailed(Event):
    """The record contradicts itself: what, at which entry, in which streams and batches, and what is held for it."""

    tag: ClassVar[str] = "site:check:failed"
    kind: CheckKind
    what: str
    index: int | None
    streams: tuple[str, ...]
    batches: tuple[str, ...]
    held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClockAcknowledged(Event):
    """Somebody at the console said that the clock is right although it is far from the last entry's time."""

    tag: ClassVar[str] = "site:clock:acknowledged"
    last_entry_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class HoldReleased(Event):
    """A hold that a breach had put on `held` (a stream, or * for everything) ended; the entry's reason says why."""

    tag: ClassVar[str] = "site:hold:released"
    held: str
