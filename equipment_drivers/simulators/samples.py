"""What the simulated processor gives: samples and alarms in batches, each sample later than the one before it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from equipment_drivers.simulators.alarms import AlarmEvent

GRID, IDLE_GRID = timedelta(seconds=60), timedelta(seconds=600)
TINY = timedelta(microseconds=1)
GOOD, BAD_SENSOR = 0, 0x808C0000
_ORIGIN = datetime.min.replace(tzinfo=UTC)


class State(IntEnum):
    """The vendor values of unit.state; names equal the neutral words of the shipped node map."""

    IDLE = 0
    READY = 1
    RUNNING = 2
    HELD = 3
    SUSPENDED = 4
    COMPLETE = 5
    STOPPED = 6
    ABORTED = 7
    ERROR = 8


class Wait(IntEnum):
    """The vendor values of wait.reason."""

    NONE = 0
    OPERATOR_PROMPT = 1
    PRESSURE_CHECK = 2
    PAUSED_AT_DEVICE = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one tag at its own virtual time."""

    tag: str
    at: datetime
    value: object
    status: int = GOOD


@dataclass(slots=True)
class Batch:
    """All that happened at one time; the clock comes last."""

    at: datetime
    samples: list[Sample] = field(default_factory=list)
    alarms: list[AlarmEvent] = field(default_factory=list)


class Stamps:
    """Gives samples of one tag strictly rising source times, so that two acts at one instant stay two."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def last(self, tag: str) -> datetime | None:
        """Return the newest source time of a tag."""
        return self._last.get(tag)

    def sample(self, tag: str, at: datetime, value: object) -> Sample:
        """Return the sample, moved on by a microsecond if its time was given already."""
        last = self._last.get(tag)
        if last is not None and at <= last:
            at = last + TINY
        self._last[tag] = at
        return Sample(tag, at, value)


def on_grid(at: datetime, grid: timedelta) -> bool:
    """Whether a time lies on a grid counted from midnight UTC."""
    return (at - _ORIGIN) % grid == timedelta(0)


def after_grid(at: datetime, grid: timedelta) -> datetime:
    """Return the first time of the grid after `at`."""
    return at - (at - _ORIGIN) % grid + grid
