"""Values and times as text: nothing is lost, nothing is written that a decimal of the record could not be."""

import math
import re
import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipment_drivers.opcua.values import (
    BOOLEAN,
    BYTE_STRING,
    DATE_TIME,
    DOUBLE,
    FLOAT,
    STRING,
    double_text,
    float_text,
    ticks_of,
    ticks_text,
    time_of,
    value_text,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_a_double_reads_back_the_same(value: float) -> None:
    text = double_text(value)
    assert float(text) == value
    assert re.fullmatch(r"-?\d+(\.\d+)?", text)
    assert text != "-0.0"


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_the_same_float(value: float) -> None:
    text = float_text(value)
    assert struct.pack("<f", float(text)) == struct.pack("<f", value + 0.0)
    assert re.fullmatch(r"-?\d+(\.\d+)?", text)


@pytest.mark.parametrize(("kind", "value", "text"), [
    (DOUBLE, 37.1, "37.1"), (FLOAT, struct.unpack("<f", struct.pack("<f", 37.1))[0], "37.1"), (DOUBLE, 5.0, "5.0"),
    (DOUBLE, 1e-7, "0.0000001"), (DOUBLE, 1e22, "10000000000000000000000"), (DOUBLE, -0.0, "0.0"),
    (DOUBLE, math.nan, "NaN"), (FLOAT, math.inf, "Infinity"), (DOUBLE, -math.inf, "-Infinity"),
    (BOOLEAN, True, "true"), (BOOLEAN, False, "false"), (6, -3, "-3"), (9, 2**64 - 1, str(2**64 - 1)),
    (STRING, "RUNNING", "RUNNING"), (STRING, None, ""), (BYTE_STRING, b"\x00\xff", "00ff"),
    (DATE_TIME, 116_444_736_000_000_001, "1970-01-01T00:00:00.0000001Z"), (DOUBLE, [1.0, 2.5], '["1.0", "2.5"]'),
])  # fmt: skip
def test_a_table_of_values(kind: int, value: object, text: str) -> None:
    assert value_text(kind, value) == text


@given(st.integers(-(10**15), 10**16))
def test_ticks_and_times_are_the_same_instant(microseconds: int) -> None:
    at = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert time_of(ticks_of(at)) == at
    assert datetime.fromisoformat(ticks_text(ticks_of(at))[:26] + "+00:00") == at


def test_ticks_keep_the_digit_that_python_cannot_hold() -> None:
    at = ticks_of(datetime(2026, 11, 2, 6, tzinfo=UTC)) + 7
    assert ticks_text(at) == "2026-11-02T06:00:00.0000007Z"
