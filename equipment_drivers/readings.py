"""The vocabulary between a device and whoever records it: readings, alarms, commands and their outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

TICKS_PER_SECOND = 10_000_000
"""Times are OPC UA ticks: 100 ns since 1601-01-01 UTC, as integers, so that no digit is lost."""


class Origin(StrEnum):
    """How a reading reached us."""

    LIVE = "LIVE"
    REPUBLISHED = "REPUBLISHED"
    HISTORY = "HISTORY"
    MANUAL = "MANUAL"
    FILE = "FILE"


class LinkState(StrEnum):
    """What we know of the connection, apart from what the device itself does."""

    OFFLINE = "OFFLINE"
    CONNECTING = "CONNECTING"
    LIVE = "LIVE"
    STALE = "STALE"
    BACKFILLING = "BACKFILLING"
    DEGRADED = "DEGRADED"
    AUTH_FAILED = "AUTH_FAILED"


class UnitState(StrEnum):
    """What the device's unit does, in neutral words; an unmapped vendor value is UNKNOWN, never a guess."""

    UNKNOWN = "UNKNOWN"
    IDLE = "IDLE"
    READY = "READY"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    HELD = "HELD"
    SUSPENDED = "SUSPENDED"
    COMPLETING = "COMPLETING"
    COMPLETE = "COMPLETE"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    ABORTED = "ABORTED"
    ERROR = "ERROR"


class CommandVerb(StrEnum):
    """The closed list of what may be asked of a device."""

    SELECT_PROGRAM = "select_program"
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    ACKNOWLEDGE_WAIT = "acknowledge_wait"
    STOP = "stop"
    ABORT = "abort"
    ACKNOWLEDGE_ALARM = "acknowledge_alarm"


class CommandResult(StrEnum):
    """What became of a command. UNKNOWN (sent, link died before confirmation) is never retried by itself."""

    REFUSED = "REFUSED"
    CONFIRMED = "CONFIRMED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample of one tag as the device gave it.

    `value` is the shortest text that round-trips at the node's own type ("37.1", "true", "RUNNING"), "" if
    the device sent none; `unit` a UCUM code from the node map ("" if none); `status` the OPC UA status code;
    times in ticks (None where the device sent none).
    """

    tag: str
    value: str
    unit: str
    status: int
    source_time: int | None
    server_time: int | None
    receive_time: int
    subscription: int
    sequence: int
    item: int
    origin: Origin = Origin.LIVE


@dataclass(frozen=True, slots=True)
class Alarm:
    """One transition of one device alarm; `severity` 1 to 1000."""

    code: str
    event_id: str
    message: str
    severity: int
    active: bool
    acknowledged: bool
    source_time: int
    receive_time: int


@dataclass(frozen=True, slots=True)
class Command:
    """What the record asked of a device; `id` makes it unique for ever, `args` are texts."""

    id: str
    verb: CommandVerb
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What became of a command, in words for the record; `at` in ticks of the receiving clock."""

    command_id: str
    result: CommandResult
    detail: str
    at: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time for which the record cannot show that every sample arrived."""

    cause: str
    from_time: int
    to_time: int
    tags: tuple[str, ...]
