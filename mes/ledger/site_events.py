"""What the ledger records about itself: its beginning, heartbeats, clock steps, keys, removed content."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
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
class ClockDrifted(Event):
    """The machine's clock jumped, or its synchronisation was lost or came back; `kind` says which."""

    tag: ClassVar[str] = "site:clock:drifted"
    kind: str
    seconds: Decimal


@dataclass(frozen=True, slots=True)
class ClockTrusted(Event):
    """Somebody at the console compared the clock with another one and vouches for it; the reason says how."""

    tag: ClassVar[str] = "site:clock:trusted"


@dataclass(frozen=True, slots=True)
class KeyRotated(Event):
    """A new site key (base64); the previous one stays good for what it signed."""

    tag: ClassVar[str] = "site:key:rotated"
    key: str
    previous: str


@dataclass(frozen=True, slots=True)
class KeyRetired(Event):
    """An earlier site key (base64) stopped signing: its overlap is over. What it signed stays good."""

    tag: ClassVar[str] = "site:key:retired"
    key: str


@dataclass(frozen=True, slots=True)
class KeyRevoked(Event):
    """A site key (base64) is not trusted any more: somebody else may have had it since `since`.

    Its signatures under checkpoints of more than `from_size` entries, those recorded before `since`, do not count.
    """

    tag: ClassVar[str] = "site:key:revoked"
    key: str
    since: datetime
    from_size: int


@dataclass(frozen=True, slots=True)
class KeysBackedUp(Event):
    """The site's key files were written to an encrypted archive (its SHA-256, hex) whose key was split.

    `needed` of `shares` shares open it. Names of files only; never what is in them.
    """

    tag: ClassVar[str] = "site:key:backed_up"
    archive: str
    files: tuple[str, ...]
    shares: int
    needed: int


@dataclass(frozen=True, slots=True)
class KeysRestored(Event):
    """The site's key files were put back from the archive with this SHA-256 (hex)."""

    tag: ClassVar[str] = "site:key:restored"
    archive: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerReseeded(Event):
    """A lost tail was put back byte for byte: entries `from_size` to before `to_size`, under a signed root (hex)."""

    tag: ClassVar[str] = "site:ledger:reseeded"
    from_size: int
    to_size: int
    root: str


@dataclass(frozen=True, slots=True)
class TimeStamped(Event):
    """A time-stamping authority (RFC 3161) confirmed when the checkpoint of `size` entries existed.

    `digest` is SHA-256 (hex) of the stored note; `response` the authority's answer (DER, base64); `stamped` its time.
    """

    tag: ClassVar[str] = "site:time:stamped"
    origin: str
    size: int
    digest: str
    stamped: datetime
    response: str


@dataclass(frozen=True, slots=True)
class ContentRemoved(Event):
    """Detachable content was deleted; `ground` is the legal ground. The append deletes the bytes."""

    tag: ClassVar[str] = "content:removed"
    content: str
    ground: str
