"""What the ledger records about itself: its beginning, heartbeats, clock steps, keys, removed content."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mes.ledger.events import Event


@dataclass(frozen=True, slots=True)
class LedgerCreated(Event):
    """Entry 0 of generation 1. `key` is base64 of the 32 raw bytes; `clock` is real or simulated."""

    tag: ClassVar[str] = "site:ledger:created"
    site: str
    key: str
    clock: str
    software: str


@dataclass(frozen=True, slots=True)
class LedgerContinued(Event):
    """Entry 0 of a later generation: which ledger it continues, and why that one could not go on.

    `origin`, `size` (decimal text is not needed: below 2^53) and `root` (hex) are of the last cosigned
    checkpoint of the generation before; `evidence` is the refused or lost state in words and digests.
    """

    tag: ClassVar[str] = "site:ledger:continued"
    origin: str
    size: int
    root: str
    evidence: str
    site: str
    key: str
    clock: str
    software: str


@dataclass(frozen=True, slots=True)
class Heartbeat(Event):
    """Says that nothing was lost since: size and root (hex) of the tree before this entry."""

    tag: ClassVar[str] = "site:ledger:heartbeat"
    previous_size: int
    root: str


@dataclass(frozen=True, slots=True)
class ClockStepped(Event):
    """The record clock went back; only in this entry may `at` be less than before."""

    tag: ClassVar[str] = "site:clock:stepped"
    from_: datetime
    to: datetime


@dataclass(frozen=True, slots=True)
class KeyRotated(Event):
    """A new site key (base64); the previous one stays good for what it signed."""

    tag: ClassVar[str] = "site:key:rotated"
    key: str
    previous: str


@dataclass(frozen=True, slots=True)
class ContentRemoved(Event):
    """Detachable content was deleted; `ground` is the legal ground. The append deletes the bytes."""

    tag: ClassVar[str] = "content:removed"
    content: str
    ground: str
