"""Event classes become an entry's data and come back; what changed its meaning has another version."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.ledger.canonical import canonical
from mes.ledger.events import Event, decode_event, encode, time_text
from mes.ledger.site_events import ClockStepped, Heartbeat


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sample:
    label: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Judged(Event):
    """An event with every kind of field."""

    tag: ClassVar[str] = "test:sample:judged"
    verdict: Verdict
    at: datetime
    day: date
    number: int
    is_final: bool
    samples: tuple[Sample, ...]
    from_: str | None = None


DECIMALS = st.decimals(-(10**9), 10**9, places=4, allow_nan=False)
SAMPLES = st.builds(Sample, st.text("abc", max_size=5), DECIMALS)
JUDGED = st.builds(
    Judged,
    st.sampled_from(Verdict),
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.dates(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.booleans(),
    st.lists(SAMPLES, max_size=4).map(tuple),
    st.none() | st.text("xyz", max_size=3),
)


@given(JUDGED)
def test_an_event_comes_back_as_it_was(event: Judged) -> None:
    draft = event.draft(reason="why")
    assert canonical(draft.data)
    assert (draft.type, draft.tv, draft.reason) == ("test:sample:judged", 1, "why")
    assert decode_event(draft.type, draft.tv, draft.data) == event


def test_what_is_none_is_left_out_and_a_keyword_loses_its_underscore() -> None:
    event = Judged(Verdict.PASSED, datetime(2026, 11, 22, tzinfo=UTC), date(2026, 11, 22), 1, True, (), None)
    assert "from" not in event.draft().data
    stepped = ClockStepped(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    assert set(stepped.draft().data) == {"from", "to"}


def test_an_unknown_type_or_version_is_nobodys_event() -> None:
    assert decode_event("test:sample:unheard", 1, {}) is None
    assert decode_event("test:sample:judged", 2, {}) is None
    assert isinstance(decode_event("site:ledger:heartbeat", 1, {"previous_size": 1, "root": "00"}), Heartbeat)


def test_one_tag_belongs_to_one_class() -> None:
    with pytest.raises(TypeError, match="already Judged"):

        class Other(Event):
            tag: ClassVar[str] = "test:sample:judged"


def test_floats_are_no_field() -> None:
    with pytest.raises(TypeError, match="float cannot stand"):
        encode({"value": 1.5})


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 22, 10, tzinfo=UTC), "2026-11-22T10:00:00.000000Z"),
        (datetime(2026, 11, 22, 10, 0, 0, 7, tzinfo=timezone(timedelta(hours=1))), "2026-11-22T09:00:00.000007Z"),
        (datetime(987, 1, 1, tzinfo=UTC), "0987-01-01T00:00:00.000000Z"),
    ],
)
def test_times_are_utc_with_six_decimals(at: datetime, text: str) -> None:
    assert time_text(at) == text
    assert datetime.fromisoformat(text) == at


def test_a_naive_time_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="naive"):
        time_text(datetime(2026, 11, 22))  # noqa: DTZ001 - naive on purpose
