"""The one codec of all rooms: what an event becomes in an entry, and that it comes back as it was."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mes
from mes.ids import StepId
from mes.ledger.canonical import canonical
from mes.ledger.events import REGISTRY, Event, decode, decode_event, encode, time_text


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Inner:
    tag: str
    amount: Decimal
    note: str | None = None


@dataclass(frozen=True)
class Everything(Event):
    """One field of every kind that an event may have."""

    tag: ClassVar[str] = "test:everything"
    text: str
    step: StepId
    yes: bool
    number: int
    exact: Decimal
    moment: datetime
    day: date
    colour: Colour
    level: Level
    inner: Inner
    several: tuple[Inner, ...]
    words: tuple[str, ...]
    demanded: str | None
    from_: int
    free: Mapping[str, object]
    left_out: datetime | None = None
    defaulted: int = 5


MOMENTS = st.datetimes(timezones=st.just(UTC))
EXACT = st.decimals(allow_nan=False, allow_infinity=False, places=6)
INNER = st.builds(Inner, tag=st.text(), amount=EXACT, note=st.none() | st.text())
EVENTS = st.builds(
    Everything, text=st.text(), step=st.text().map(StepId), yes=st.booleans(), number=st.integers(), exact=EXACT,
    moment=MOMENTS, day=st.dates(), colour=st.sampled_from(Colour), level=st.sampled_from(Level), inner=INNER,
    several=st.lists(INNER, max_size=3).map(tuple), words=st.lists(st.text(), max_size=3).map(tuple),
    demanded=st.none() | st.text(), from_=st.integers(), free=st.dictionaries(st.text(), st.integers() | st.text()),
    left_out=st.none() | MOMENTS, defaulted=st.integers(),
)  # fmt: skip


@given(EVENTS)
def test_every_event_comes_back_as_it_was(event):
    draft = event.draft()
    assert decode_event(draft.type, draft.tv, draft.data) == event


def sample(**more: Any) -> Everything:
    given_: dict[str, Any] = {
        "text": "t", "step": StepId("S1"), "yes": True, "number": 1, "exact": Decimal("1.50"),
        "moment": datetime(2026, 11, 1, 9, tzinfo=timezone(timedelta(hours=1))), "day": date(2026, 11, 1),
        "colour": Colour.RED, "level": Level.HIGH, "inner": Inner("a", Decimal("0.0")), "several": (), "words": ("w",),
        "demanded": None, "from_": 2, "free": {"content": "ab", "gone": None},
    }  # fmt: skip
    return Everything(**{**given_, **more})


def test_what_stands_in_the_entry():
    assert sample().draft().data == {
        "text": "t", "step": "S1", "yes": True, "number": 1, "exact": "1.50",
        "moment": "2026-11-01T08:00:00.000000Z", "day": "2026-11-01", "colour": "red", "level": 3,
        "inner": {"tag": "a", "amount": "0.0"}, "several": [], "words": ["w"], "from": 2, "free": {"content": "ab"},
        "defaulted": 5,
    }  # fmt: skip


def test_what_stands_in_the_entry_may_stand_in_a_record():
    assert canonical(dict(sample().draft().data)).startswith(b'{"colour":"red"')


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.50", "1.50"), ("0E+3", "0"), ("1E+3", "1000"), ("1E-7", "0.0000001"), ("-0", "-0"), ("0.10", "0.10")],
)
def test_a_number_keeps_its_digits_and_has_no_exponent(value, text):
    assert encode(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_finite_number_cannot_be_recorded(value):
    with pytest.raises(ValueError, match="no finite number"):
        encode(Decimal(value))


@pytest.mark.parametrize("value", [1.5, object(), b"bytes", {1}, Inner, 1j], ids=lambda one: type(one).__name__)
def test_what_has_no_place_in_an_entry(value):
    with pytest.raises(TypeError):
        encode(sample(free={"x": value}))


def test_a_naive_time_cannot_be_recorded():
    with pytest.raises(ValueError, match="naive"):
        encode(datetime(2026, 11, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="naive"):
        time_text(datetime(2026, 11, 1))  # noqa: DTZ001


@given(MOMENTS)
def test_a_time_is_written_in_one_way(moment):
    text = time_text(moment)
    assert len(text) == 27
    assert datetime.fromisoformat(text) == moment
    assert time_text(moment.astimezone(timezone(timedelta(hours=-9, minutes=-30)))) == text


def test_an_unknown_type_or_version_keeps_its_place():
    assert decode_event("test:unknown", 1, {}) is None
    assert decode_event(Everything.tag, 2, {}) is None


def test_a_field_that_this_release_does_not_know_is_passed_over():
    assert decode(Inner, {"tag": "a", "amount": "1", "later": True}) == Inner("a", Decimal(1))


def test_a_missing_field_that_must_be_there_is_no_event():
    with pytest.raises(TypeError):
        decode(Inner, {"tag": "a"})


def test_a_tag_belongs_to_one_class():
    with pytest.raises(TypeError, match="is already"):
        type("Other", (Event,), {"tag": "test:everything"})
    assert REGISTRY["test:everything", 1] is Everything


def all_events() -> list[type[Event]]:
    for found in walk_packages(mes.__path__, "mes."):
        if ".events" in found.name or found.name.endswith("site_events"):
            import_module(found.name)
    return [cls for cls in REGISTRY.values() if cls.__module__.startswith("mes.")]


def hints_within(cls: type, seen: set[type]) -> list[tuple[str, Any, Any]]:
    """Return (place, hint, default) of every field of a class and of the classes inside it."""
    if cls in seen:
        return []
    seen.add(cls)
    hints, found = get_type_hints(cls), []
    for one in fields(cls):
        hint = hints[one.name]
        found.append((f"{cls.__name__}.{one.name}", hint, one.default))
        for inner in (hint, *get_args(hint)):
            if isinstance(inner, type) and is_dataclass(inner):
                found += hints_within(inner, seen)
    return found


SCALARS = (str, bool, int, Decimal, datetime, date, Enum)


def is_known(hint: Any) -> bool:
    if hasattr(hint, "__supertype__"):
        return is_known(hint.__supertype__)
    arms = [arm for arm in get_args(hint) if arm is not type(None)]
    origin = get_origin(hint)
    if origin is tuple:
        return arms[1] is Ellipsis and is_known(arms[0])
    if origin is Mapping:
        return True
    if origin is not None:  # a union: only with None
        return len(arms) == 1 and is_known(arms[0])
    return is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, SCALARS))


def test_every_event_of_the_house_is_made_of_what_the_codec_knows():
    events = all_events()
    assert len(events) > 60
    seen: set[type] = set()
    strange = [place for cls in events for place, hint, _ in hints_within(cls, seen) if not is_known(hint)]
    assert strange == []


def test_what_may_be_left_out_has_no_other_default():
    seen: set[type] = set()
    wrong = [
        place
        for cls in all_events()
        for place, hint, default in hints_within(cls, seen)
        if type(None) in get_args(hint) and default not in (None, MISSING)
    ]
    assert wrong == []
