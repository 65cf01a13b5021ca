"""The canonical telemetry row: one line per sample, and every sample comes back from its line."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.equipment.samples import Sample, chunk_bytes, decimal_in, line_of, sample_of
from mes.equipment.ticks import LAST_TICK, hour_of, tick_text, ticks_from_text, ticks_of, time_of

AT = ticks_of(datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)) + 7
ticks = st.integers(0, LAST_TICK)
samples = st.builds(
    Sample,
    value=st.one_of(st.text(max_size=30), st.sampled_from(["37.10", "1e-07", "true", "NaN", "-Infinity", ""])),
    unit=st.sampled_from(["", "Cel", "%", "mL/min"]),
    status=st.integers(0, 2**32 - 1),
    source_time=st.none() | ticks,
    server_time=st.none() | ticks,
    receive_time=ticks,
    origin=st.sampled_from(["LIVE", "REPUBLISHED", "HISTORY", "MANUAL", "FILE"]),
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("37.10", "37.10"),
        ("1e-07", "1e-07"),
        ("true", "true"),
        ("NaN", "NaN"),
        ("", ""),
        ("RUNNING", '"RUNNING"'),
        ('say "A, B"', '"say ""A, B"""'),
        ("two\nlines\\", '"two\\nlines\\\\"'),
        ("1,5", '"1,5"'),
        ("٣", '"٣"'),
    ],
)
def test_a_row_is_written_as_the_format_says(value: str, written: str) -> None:
    line = line_of(Sample(value, "Cel", 0x40920000, AT, None, AT + 1))
    assert line == f"2026-11-22T10:00:00.1234567Z,,2026-11-22T10:00:00.1234568Z,{written},Cel,40920000,LIVE"


@given(samples)
def test_every_sample_comes_back_from_its_row(sample: Sample) -> None:
    line = line_of(sample)
    assert sample_of(line) == sample
    assert len(line.splitlines()) == 1


@given(st.lists(samples, max_size=20))
def test_a_chunk_has_one_line_per_sample_for_a_plain_csv_reader(rows: list[Sample]) -> None:
    body = chunk_bytes(line_of(row) for row in rows)
    assert body.count(b"\n") == len(rows)
    read = list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))
    assert [len(row) for row in read] == [7] * len(rows)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a,b,c",
        "2026-11-22T10:00:00.0000000Z,,,1,Cel,00000000,LIVE",
        ",,2026-11-22T10:00:00.0000000Z,1,Cel,0,LIVE",
        ',,2026-11-22T10:00:00.0000000Z,"1,Cel,00000000,LIVE',
    ],
)
def test_what_is_no_row_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        sample_of(line)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("37.10", Decimal("37.10")),
        ("-0.5", Decimal("-0.5")),
        ("1e3", Decimal("1e3")),
        ("NaN", None),
        ("inf", None),
        ("RUNNING", None),
        ("", None),
        ("1,5", None),
        ("1e999999", None),
        ("٣", None),
        ("true", None),
    ],
)
def test_only_a_finite_decimal_is_a_number(text: str, found: Decimal | None) -> None:
    assert decimal_in(text) == found


@pytest.mark.parametrize(("status", "good"), [(0, True), (0x480, True), (0x40920000, False), (0x80340000, False)])
def test_only_good_is_good(status: int, good: bool) -> None:
    assert Sample("1", "", status, AT, None, AT).good is good


@given(ticks)
def test_times_keep_every_tick_in_text(count: int) -> None:
    assert ticks_from_text(tick_text(count)) == count
    assert ticks_of(time_of(count)) == count - count % 10


@given(st.datetimes(min_value=datetime(1700, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_aware_time_comes_back_from_ticks(at: datetime) -> None:
    assert time_of(ticks_of(at)) == at
    assert time_of(hour_of(ticks_of(at))) == at.replace(minute=0, second=0, microsecond=0)
