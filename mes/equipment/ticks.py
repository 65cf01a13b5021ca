"""Device time: OPC UA ticks (100 ns since 1601-01-01 UTC) to and from aware times and the record's text."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from equipment_drivers.readings import TICKS_PER_SECOND

EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
LAST_TICK = 2_650_467_743_999_999_999
"""9999-12-31T23:59:59.9999999Z; servers send later ones to say "for ever"."""
MICROSECOND = timedelta(microseconds=1)


def ticks_of(at: datetime) -> int:
    """Return an aware time in ticks, without loss."""
    return (at - EPOCH) // MICROSECOND * 10


def time_of(ticks: int) -> datetime:
    """Return ticks as an aware time, cut (never rounded up) to the microsecond."""
    return EPOCH + timedelta(microseconds=min(max(ticks, 0), LAST_TICK) // 10)


def hour_of(ticks: int) -> int:
    """Return the start of the hour of record time that `ticks` lies in, in ticks."""
    return ticks - ticks % (3600 * TICKS_PER_SECOND)


def tick_text(ticks: int | None) -> str:
    """Write ticks as a telemetry row does: UTC with seven decimals, nothing where the device sent no time."""
    if ticks is None:
        return ""
    seconds, rest = divmod(min(max(ticks, 0), LAST_TICK), TICKS_PER_SECOND)
    return f"{_second_text(seconds)}.{rest:07d}Z"


def ticks_from_text(text: str) -> int | None:
    """Read what `tick_text` wrote."""
    if not text:
        return None
    return _second_ticks(text[:19]) + int(text[20:27])


@lru_cache(maxsize=8192)
def _second_text(seconds: int) -> str:
    at = EPOCH + timedelta(seconds=seconds)
    return f"{at.year:04d}-{at:%m-%dT%H:%M:%S}"


@lru_cache(maxsize=8192)
def _second_ticks(text: str) -> int:
    return ticks_of(datetime.fromisoformat(text).replace(tzinfo=UTC))
