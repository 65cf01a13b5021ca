"""Units and decimals: what the record may hold, and that conversions keep every digit."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.units import DECIMAL_PATTERN, UNITS, Measure, are_compatible, checked_unit, decimal_of, registry

DECIMALS = st.from_regex(DECIMAL_PATTERN, fullmatch=True).filter(lambda text: Decimal(text) != 0 or text[0] != "-")


def refused(code: str, act: object, *arguments: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act(*arguments)
    assert caught.value.code == code
    assert caught.value.status == 422
    return caught.value


@pytest.mark.parametrize("code", UNITS)
def test_every_code_is_a_unit_of_the_registry(code: str) -> None:
    assert Measure.of("2.50", code).as_unit(code) == Decimal("2.50")
    registry().Unit(UNITS[code])


@pytest.mark.parametrize(
    "text",
    ["1e999999", "1E5", "NaN", "Infinity", "-Infinity", "1,5", "01", "-0", "-0.00", "+1", " 1", "1 ", "1.", ".5", "",
     "1_000", "0x10", "1" * 19, "0." + "1" * 13, "٣", "1\n", "9" * 100_000],
)  # fmt: skip
def test_what_is_no_number_is_refused(text: str) -> None:
    assert len(refused("number-malformed", decimal_of, text).facts["given"]) <= 40


@given(DECIMALS)
@settings(max_examples=60, deadline=None)
def test_a_number_keeps_its_digits(text: str) -> None:
    assert format(decimal_of(text), "f") == text


@pytest.mark.parametrize(
    "code", ["degC", "C", "celsius", "µL", "", "mL ", "ml", "IU/mL", "meter", "Cel/0", "os.system"]
)
def test_a_unit_outside_the_list_is_refused(code: str) -> None:
    refused("unit-unknown", checked_unit, code)


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        ("26.0", "%", "1", "0.26"),
        ("100000000", "{cells}", "10*6{cells}", "100"),
        ("0.6", "10*9{cells}", "10*6{cells}", "600"),
        ("-80", "Cel", "Cel", "-80"),
        ("1.5", "h", "min", "90"),
        ("600", "mbar", "bar", "0.6"),
        ("123456789012345678.123456789012", "mL", "uL", "123456789012345678123.456789012"),
        ("7", "10*6{TU}/mL", "{TU}/mL", "7000000"),
    ],
)
def test_conversions_are_exact(value: str, unit: str, wanted: str, expected: str) -> None:
    assert Measure.of(value, unit).as_unit(wanted) == Decimal(expected)


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("Cel", "%"), ("mL", "g"), ("[IU]/mL", "[EU]/mL"), ("{cells}", "{vial}"), ("{TU}", "{cells}"), ("h", "/min"),
     ("{copies}/{cell}", "{TU}/{cell}"), ("[pH]", "1"), ("{bag}", "{piece}")],
)  # fmt: skip
def test_unlike_units_are_refused(unit: str, wanted: str) -> None:
    told = refused("unit-incompatible", Measure.of("1", unit).as_unit, wanted)
    assert told.facts == {"given": unit, "wanted": wanted}
    assert not are_compatible(unit, wanted)


def test_like_units_are_compatible() -> None:
    assert are_compatible("min", "h")
    refused("unit-unknown", are_compatible, "min", "fortnight")


@pytest.mark.parametrize(("value", "unit", "told"), [("37.10", "Cel", "37.10 Cel"), ("2", "1", "2")])
def test_a_measure_is_printed_as_given(value: str, unit: str, told: str) -> None:
    assert str(Measure.of(value, unit)) == told
