"""The vein-to-vein bar: level, places, and words for hours, units and limits."""

from decimal import Decimal

import pytest

from mes.batches import events as ev
from mes.masters.model import Parameter
from mes.web.showing import limits, span, told, unit, words
from mes.web.vein import WIDTH, Level, vein
from tests.batches.builders import a_batch, at


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ("0", "0 min"),
        ("0.2", "12 min"),
        ("1", "1 h 00 min"),
        ("31.34", "31 h 20 min"),
        ("-2.1", "-2 h 06 min"),
        (None, "–"),
    ],
)
def test_hours_are_told_as_people_say_them(hours: str | None, told: str) -> None:
    assert span(None if hours is None else Decimal(hours)) == told


@pytest.mark.parametrize(
    ("code", "told"),
    [("qc_reviewer", "QC reviewer"), ("qa", "QA"), ("operator", "operator"), ("master_author", "master author")],
)
def test_codes_are_told_as_words(code: str, told: str) -> None:
    assert words(code) == told


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("10*6{cells}", "10⁶ cells"),
        ("Cel", "°C"),
        ("{TU}/{cell}", "TU/cell"),
        ("[pH]", "pH"),
        ("1", ""),
        (None, ""),
        ("mL", "mL"),
    ],
)
def test_units_are_told_as_people_write_them(code: str | None, told: str) -> None:
    assert unit(code) == told


@pytest.mark.parametrize(
    ("recorded", "read"),
    [
        ("Temperature: 36.26 Cel, limit >= 36.5 and <= 37.5 Cel", "Temperature: 36.26 °C, limit ≥ 36.5 and ≤ 37.5 °C"),
        ("70 10*6{cells} given", "70 10⁶ cells given"),
        ("2 Cells seen in {brackets}", "2 Cells seen in {brackets}"),
    ],
)
def test_a_recorded_sentence_is_told_with_units_as_people_write_them(recorded: str, read: str) -> None:
    assert told(recorded) == read


@pytest.mark.parametrize(
    ("low", "high", "inclusive", "told"),
    [
        ("5", "10", True, "5 to 10 mL"),
        ("5", None, True, "≥ 5 mL"),
        (None, "10", True, "≤ 10 mL"),
        ("0", None, False, "> 0 mL"),
        (None, None, True, ""),
    ],
)
def test_limits_are_told_as_people_say_them(low: str | None, high: str | None, inclusive: bool, told: str) -> None:
    bounds = [None if one is None else Decimal(one) for one in (low, high)]
    assert limits(Parameter("v", "V", unit="mL", low=bounds[0], high=bounds[1], low_inclusive=inclusive)) == told


def test_a_batch_without_promise_has_no_bar() -> None:
    bar = vein(a_batch(), at(0))
    assert (bar.level, bar.infusion_at, bar.left_h) == (Level.WAITING, None, None)


def test_a_refused_batch_has_ended() -> None:
    bar = vein(a_batch(ev.CertificationRefused("preliminary")), at(5))
    assert bar.level is Level.ENDED
    assert 0 <= bar.passed <= WIDTH
