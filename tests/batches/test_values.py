"""One value against its parameter: units, digits, and everything that is no number."""

from decimal import Decimal

import pytest

from mes.batches.decide.values import GivenValue, judge, value_text, with_true_sources
from mes.equipment.ports import DrainedReading
from mes.errors import Refusal
from mes.ids import StepId
from mes.masters.model import Kind, Parameter, Step
from tests.batches.builders import T0


def a_reading(text, *, unit="Cel", good=True):
    return DrainedReading("culture.temperature", Decimal(text), text, unit, good, T0, T0)


VOLUME = Parameter("volume", "Volume", unit="mL", low=Decimal(50), high=Decimal("280.0"), high_inclusive=False)


@pytest.mark.parametrize(
    ("value", "unit", "within"),
    [
        ("50", "mL", True), ("49.999", "mL", False), ("279.9", "mL", True), ("280", "mL", False),
        ("0.05", "L", True), ("0.2800", "L", False), ("1000", "uL", False), ("-1", "mL", False),
    ],
)  # fmt: skip
def test_a_number_is_judged_in_the_parameters_unit_and_keeps_its_digits(value, unit, within):
    recorded = judge(VOLUME, GivenValue("volume", value, unit))
    assert (recorded.value, recorded.unit, recorded.judgement.within) == (value, unit, within)
    assert recorded.judgement.limit == ">= 50 and < 280.0 mL"


@pytest.mark.rule("REG-A11-05")
@pytest.mark.parametrize(
    ("value", "unit", "code"),
    [
        ("1e999999", "mL", "number-malformed"), ("NaN", "mL", "number-malformed"), ("100,5", "mL", "number-malformed"),
        ("-0", "mL", "number-malformed"), ("", "mL", "number-malformed"), ("1" * 30, "mL", "number-malformed"),
        (" 100", "mL", "number-malformed"), ("Infinity", "mL", "number-malformed"), ("٣", "mL", "number-malformed"),
        ("100", None, "unit-missing"), ("100", "", "unit-missing"), ("100", "gallon", "unit-unknown"),
        ("100", "Cel", "unit-incompatible"),
    ],
)  # fmt: skip
def test_what_is_no_number_or_no_unit_is_refused(value, unit, code):
    with pytest.raises(Refusal) as refused:
        judge(VOLUME, GivenValue("volume", value, unit))
    assert refused.value.code == code
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("kind", "given", "within", "code"),
    [
        (Kind.FLAG, "yes", True, None), (Kind.FLAG, "no", False, None), (Kind.FLAG, "maybe", None, "choice-unknown"),
        (Kind.CHOICE, "clear", True, None), (Kind.CHOICE, "clots", False, None),
        (Kind.CHOICE, "x", None, "choice-unknown"),
        (Kind.TEXT, "TS520-0012", True, None), (Kind.TEXT, "<script>", None, "text-not-coded"),
        (Kind.TEXT, "a" * 81, None, "text-not-coded"), (Kind.TEXT, "two\nlines", None, "text-not-coded"),
    ],
)  # fmt: skip
def test_words_are_held_against_what_is_expected(kind, given, within, code):
    expected = {Kind.FLAG: "yes", Kind.CHOICE: "clear", Kind.TEXT: None}[kind]
    parameter = Parameter("p", "P", kind=kind, choices=("clear", "clots"), expected=expected)
    if code is not None:
        with pytest.raises(Refusal, match=code):
            judge(parameter, GivenValue("p", given))
        return
    assert judge(parameter, GivenValue("p", given)).judgement.within is within


def test_a_value_outside_says_so_to_its_signer():
    recorded = judge(VOLUME, GivenValue("volume", "300", "mL"))
    assert value_text(recorded) == "300 mL (limit >= 50 and < 280.0 mL) OUTSIDE LIMIT"


@pytest.mark.rule("PRA-12")
@pytest.mark.parametrize(
    ("reading", "source"),
    [
        (a_reading("37.1"), "device"),
        (a_reading("37.2"), "manual"),
        (a_reading("37.1", good=False), "manual"),
        (a_reading("37.1", unit="%"), "manual"),
        (None, "manual"),
    ],
    ids=["the same", "another value", "of bad quality", "another unit", "no reading"],
)
def test_a_value_counts_as_the_devices_only_if_the_device_says_the_same(reading, source):
    step = Step(
        StepId("S1"), "Culture", parameters=(Parameter("t", "Temperature", unit="Cel", tag="culture.temperature"),)
    )
    newest = {"culture.temperature": reading} if reading else {}
    (value,) = with_true_sources(step, (GivenValue("t", "37.1", "Cel", "device"),), newest)
    assert value.source == source
    assert (value.value, value.unit) == ("37.1", "Cel")


def test_a_value_that_claims_nothing_stays_manual():
    step = Step(
        StepId("S1"), "Culture", parameters=(Parameter("t", "Temperature", unit="Cel", tag="culture.temperature"),)
    )
    newest = {"culture.temperature": a_reading("37.1")}
    assert with_true_sources(step, (GivenValue("t", "37.1", "Cel"),), newest)[0].source == "manual"
