"""OPC UA values and times as the record writes them: shortest text that round-trips, times as 100 ns ticks."""

import json
import math
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from equipment_drivers.readings import TICKS_PER_SECOND

EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
BOOLEAN, FLOAT, DOUBLE, STRING, DATE_TIME, BYTE_STRING, LOCALIZED_TEXT = 1, 10, 11, 12, 13, 15, 21
GOOD = 0
OVERFLOW = 0x480
"""Bits of a status code that say: this is a data value, and values before it were dropped (Part 4, 7.39)."""


def ticks_of(at: datetime) -> int:
    """Return 100 ns ticks since 1601 of an aware time."""
    passed = at - EPOCH
    return (passed.days * 86_400 + passed.seconds) * TICKS_PER_SECOND + passed.microseconds * 10


def time_of(ticks: int) -> datetime:
    """Return the aware time of ticks, cut to the microseconds that Python can hold."""
    return EPOCH + timedelta(microseconds=ticks // 10)


def ticks_text(ticks: int) -> str:
    """Write ticks as ISO 8601 in UTC with all seven decimals."""
    whole, part = divmod(ticks, TICKS_PER_SECOND)
    return f"{(EPOCH + timedelta(seconds=whole)).strftime('%Y-%m-%dT%H:%M:%S')}.{part:07d}Z"


def double_text(value: float) -> str:
    """Write a double as the shortest decimal without exponent that reads back the same; NaN and infinities named."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return "0.0" if text == "-0.0" else text


def float_text(value: float) -> str:
    """Write a 32-bit float as the shortest decimal that reads back as the same 32-bit float."""
    if not math.isfinite(value):
        return double_text(value)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.unpack("<f", struct.pack("<f", float(text)))[0] == value:
            return double_text(float(text))
    return double_text(value)


def value_text(kind: int, value: Any) -> str:
    """Write one value of OPC UA type `kind` (built-in type number); "" where the device sent none."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return json.dumps([value_text(kind, item) for item in value], ensure_ascii=False)
    if kind == DOUBLE:
        return double_text(value)
    if kind == BOOLEAN:
        return "true" if value else "false"
    if kind == FLOAT:
        return float_text(value)
    if kind == DATE_TIME:
        return ticks_text(value if isinstance(value, int) else ticks_of(value))
    if kind == BYTE_STRING:
        return bytes(value).hex()
    return str(value)
