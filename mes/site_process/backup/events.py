"""What the record says about backups: that one was made, and that a restore was drilled."""

from dataclasses import dataclass
from typing import ClassVar

from mes.ledger.events import Event


@dataclass(frozen=True, slots=True)
class BackupMade(Event):
    """A backup was made: its manifest's SHA-256 (hex), and how far its ledger goes (entries, root in hex)."""

    tag: ClassVar[str] = "site:backup:made"
    manifest: str
    size: int
    root: str
    place: str


@dataclass(frozen=True, slots=True)
class RestoreDrilled(Event):
    """A backup was restored to another place and held against the record; `outcome` is passed or failed."""

    tag: ClassVar[str] = "site:restore:drilled"
    manifest: str
    outcome: str
    seconds: int
    report: str
