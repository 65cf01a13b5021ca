"""Results against limits: the published batch passes value by value, and what is altered fails by name."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.masters.specification import Operator, SpecificationItem
from mes.quality.judging import endotoxin_per_kg_h, judge_result, limit_of
from mes.quality.panel import Outcome, failed_items, panel
from tests.quality.builders import DEFERRED, REAL, SPECIFICATION, Story, enter, ready

NUMBER = SpecificationItem("x", "X", "m", Operator.GE, "", unit="%", limit=Decimal(20))
MEMBERS = ("potency_a", "potency_b")


def number(operator: Operator, limit: str, unit: str = "%") -> SpecificationItem:
    return replace(NUMBER, operator=operator, limit=Decimal(limit), unit=unit)


@pytest.mark.rule("REG-ATMP-15")
@pytest.mark.parametrize(("item", "given"), (REAL | DEFERRED).items())
def test_the_published_batch_passes(item: str, given: tuple[str, str | None]) -> None:
    assert judge_result(SPECIFICATION.item(item), *given).passed


@pytest.mark.parametrize(
    ("item", "value", "unit"),
    [
        ("appearance", "other", None),
        ("car_pos_cells_total", "35", "10*6{cells}"),
        ("car_pos_fraction", "19.4", "%"),
        ("cd3_pos_fraction", "69", "%"),
        ("viability", "69.4", "%"),
        ("sterility_in_process", "positive", None),
        ("sterility", "growth", None),
        ("mycoplasma", "present", None),
        ("endotoxin", "0.6", "[EU]/mL"),
        ("endotoxin", "<=0.6", "[EU]/mL"),
        ("adventitious_viruses", "present", None),
        ("transgene_copies_per_cell", "10.6", "{copies}/{cell}"),
        ("rcl", "present", None),
        ("potency_a", "70", "%"),
        ("potency_b", "50", "%"),
    ],
)
def test_an_altered_value_fails_by_name(item: str, value: str, unit: str | None) -> None:
    assert not judge_result(SPECIFICATION.item(item), value, unit).passed
    story = Story(ready(skip=("reviews", "A21")).state)
    for member in MEMBERS:
        if item in MEMBERS:
            enter(story, member, value if member == item else {"potency_a": "80", "potency_b": "40"}[member], unit)
    if item not in MEMBERS:
        enter(story, item, value, unit)
    assert failed_items(story.state, SPECIFICATION) == ("potency" if item in MEMBERS else item,)


@pytest.mark.rule("REG-ATMP-15")
@pytest.mark.parametrize(
    ("operator", "limit", "value", "passed"),
    [
        (Operator.GE, "20", "20", True),
        (Operator.GE, "20", "19.5", True),  # rounds half up to 20, the limit's digits
        (Operator.GE, "20", "19.49", False),
        (Operator.GE, "20.0", "19.94", False),
        (Operator.GE, "20.0", "19.95", True),
        (Operator.GT, "20", "20.4", False),
        (Operator.GT, "20", "20.5", True),
        (Operator.LE, "0.5", "0.54", True),
        (Operator.LE, "0.5", "0.55", False),
        (Operator.LT, "70", "69.5", False),
        (Operator.LT, "70", "69.4", True),
        (Operator.LE, "10", "10", True),
        (Operator.LT, "10", "10", False),
    ],
)
def test_measured_values_are_rounded_to_the_limits_digits(
    operator: Operator, limit: str, value: str, passed: bool
) -> None:
    judged = judge_result(number(operator, limit), value, "%")
    assert judged.passed is passed
    assert judged.value == value
    assert ("rounded half up" in judged.note) == (Decimal(value) != Decimal(value).quantize(Decimal(limit)))


@pytest.mark.rule("REG-ATMP-15")
@pytest.mark.parametrize(
    ("operator", "limit", "value", "passed"),
    [
        (Operator.LE, "0.5", "<=0.5", True),
        (Operator.LE, "0.5", "<0.5", True),
        (Operator.LE, "0.5", "<= 0.5", True),
        (Operator.LE, "0.5", "<=0.54", False),  # a censored result is not rounded
        (Operator.LE, "0.5", "<0.6", False),
        (Operator.LE, "0.5", ">0.1", False),
        (Operator.LE, "0.5", ">0.6", False),
        (Operator.LT, "0.5", "<0.5", True),
        (Operator.LT, "0.5", "<=0.5", False),
        (Operator.LT, "0.5", "<=0.4", True),
        (Operator.GE, "20", ">=20", True),
        (Operator.GE, "20", ">20", True),
        (Operator.GE, "20", ">19", False),
        (Operator.GE, "20", "<100", False),
        (Operator.GT, "20", ">20", True),
        (Operator.GT, "20", ">=20", False),
        (Operator.GT, "20", ">=20.1", True),
    ],
)
def test_a_censored_result_passes_only_if_all_that_it_leaves_open_does(
    operator: Operator, limit: str, value: str, passed: bool
) -> None:
    judged = judge_result(number(operator, limit), value, "%")
    assert (judged.passed, judged.value) == (passed, value)
    assert judged.note.startswith("censored result")


SIGNS = st.sampled_from(["<", "<=", ">", ">="])
HOLDS = {
    "<": lambda value, edge: value < edge,
    "<=": lambda value, edge: value <= edge,
    ">": lambda value, edge: value > edge,
    ">=": lambda value, edge: value >= edge,
}
OPERATORS = {Operator.LT: "<", Operator.LE: "<=", Operator.GT: ">", Operator.GE: ">="}


@given(st.sampled_from(sorted(OPERATORS)), st.integers(0, 20), SIGNS, st.integers(0, 20))
def test_a_censored_result_agrees_with_trying_every_value(operator: Operator, limit: int, sign: str, edge: int) -> None:
    tried = [Decimal(n) / 2 for n in range(-100, 200)]
    open_values = [value for value in tried if HOLDS[sign](value, edge)]
    honest = all(HOLDS[OPERATORS[operator]](value, limit) for value in open_values)
    assert judge_result(number(operator, str(limit)), f"{sign}{edge}", "%").passed is honest


def test_values_are_converted_to_the_limits_unit() -> None:
    cells = SPECIFICATION.item("car_pos_cells_total")
    assert judge_result(cells, "1.495", "10*9{cells}").passed
    assert not judge_result(cells, "0.035", "10*9{cells}").passed
    assert judge_result(cells, "36000000", "{cells}").passed
    assert judge_result(SPECIFICATION.item("viability"), "0.979", "1").passed


@pytest.mark.parametrize(
    ("item", "value", "unit", "code"),
    [
        ("viability", "97,9", "%", "number-malformed"),
        ("viability", "NaN", "%", "number-malformed"),
        ("viability", "1e999999", "%", "number-malformed"),
        ("viability", "<=", "%", "number-malformed"),
        ("viability", "<<5", "%", "number-malformed"),
        ("viability", "≤0.5", "%", "number-malformed"),
        ("viability", "97.9", None, "unit-missing"),
        ("viability", "97.9", "", "unit-missing"),
        ("viability", "97.9", "furlong", "unit-unknown"),
        ("viability", "97.9", "mL", "unit-incompatible"),
        ("endotoxin", "<=0.5", "%", "unit-incompatible"),
        ("appearance", "pass", None, "choice-unknown"),
        ("potency", "pass", None, "result-of-members"),
        ("colour", "blue", None, "specification-item-unknown"),
    ],
)
def test_what_is_no_result_is_refused(item: str, value: str, unit: str | None, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        judge_result(SPECIFICATION.item(item), value, unit)
    assert refused.value.code == code


def test_a_report_is_never_judged_but_is_coded() -> None:
    report = replace(NUMBER, operator=Operator.REPORT, limit=None)
    assert judge_result(report, "2.4 (CD4/CD8)", None).passed
    with pytest.raises(Refusal) as refused:
        judge_result(report, "<script>", None)
    assert refused.value.code == "text-not-coded"


def test_limits_are_told_as_compared() -> None:
    told = {item: limit_of(SPECIFICATION.item(item)) for item in ("viability", "endotoxin", "sterility", "potency_b")}
    assert told == {
        "viability": ">= 70 %",
        "endotoxin": "<= 0.5 [EU]/mL",
        "sterility": "sterile",
        "potency_b": "> 50 %",
    }


@pytest.mark.rule("PRA-16")
@pytest.mark.parametrize(
    ("concentration", "volume", "weight", "infusion_h", "expected"),
    [("0.5", "100", "30", "0.5", "1.67"), ("5", "100", "30", "1", "16.67"), ("5", "100", "30", "2", "8.33")],
)
def test_endotoxin_per_kg_and_hour(
    concentration: str, volume: str, weight: str, infusion_h: str, expected: str
) -> None:
    found = endotoxin_per_kg_h(Decimal(concentration), Decimal(volume), Decimal(weight), Decimal(infusion_h))
    assert found.quantize(Decimal("0.01")) == Decimal(expected)


def test_endotoxin_of_nobody_is_refused() -> None:
    with pytest.raises(Refusal):
        endotoxin_per_kg_h(Decimal(1), Decimal(1), Decimal(0), Decimal(1))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, Outcome.PENDING),
        ({"potency_a": "14.9"}, Outcome.PASSED),
        ({"potency_a": "80"}, Outcome.PENDING),
        ({"potency_a": "80", "potency_b": "90.9"}, Outcome.PASSED),
        ({"potency_a": "80", "potency_b": "40"}, Outcome.FAILED),
    ],
)
def test_one_of_two_potencies_is_enough(members: dict[str, str], expected: Outcome) -> None:
    story = ready(skip=("reviews", "A21"))
    for item, value in members.items():
        enter(story, item, value, "%")
    rows = {row.item: row for row in panel(story.state, SPECIFICATION)}
    assert rows["potency"].outcome is expected
    assert not rows["potency"].enterable


def test_a_result_counts_once_it_is_reviewed() -> None:
    story = ready(skip=("reviews", "A21", "results"))
    enter(story, "viability", "97.9", "%", reviewed=False)
    rows = {row.item: row for row in panel(story.state, SPECIFICATION)}
    assert (rows["viability"].outcome, rows["endotoxin"].outcome) == (Outcome.UNREVIEWED, Outcome.PENDING)
    assert (rows["viability"].analyst, rows["viability"].reviewer) == ("qc-1", None)
