"""Judging one result against its specification, once: units, rounding, and results at the edge of what a method sees.

Rounding: a measured value is converted to the unit of the limit and rounded half up to the limit's own digits before
it is compared. A censored result (`<=0.5`, `<2`, `>100`) is not rounded: it passes only if every value that it leaves
open is within the limit.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from mes.errors import Refusal
from mes.masters.specification import Operator, SpecificationItem
from mes.units import Measure

RULE, RULE_VERSION = "result-within-specification", 1
CENSORED = re.compile(r"(<=|>=|<|>) ?([-0-9.]{1,40})")
SYMBOLS = {Operator.GE: ">=", Operator.GT: ">", Operator.LE: "<=", Operator.LT: "<"}
UPPER = {"<=", "<"}
REPORTED = re.compile(r"([<>]=? ?)?[\w .,/:+()%=-]{1,80}")


@dataclass(frozen=True, slots=True)
class Judged:
    """A result with its judgement: `limit` as compared, `note` where rounding or censoring decided."""

    value: str
    unit: str | None
    limit: str
    passed: bool
    note: str = ""


def judge_result(item: SpecificationItem, value: str, unit: str | None) -> Judged:
    """Judge a result as it was measured.

    Refuses `result-of-members` (enter its members), `choice-unknown`, `number-malformed`, `unit-missing`,
    `unit-unknown`, `unit-incompatible`, `text-not-coded`. A result out of specification is no refusal: it is a fact.
    Rule: REG-ATMP-15, process facts section 6 rule 4.
    """
    value = value.strip()
    match item.operator:
        case Operator.ANY_OF:
            raise Refusal("result-of-members", status=422, item=item.id, members=", ".join(item.members))
        case Operator.EQ:
            if value not in item.choices:
                raise Refusal("choice-unknown", status=422, parameter=item.label, choices=", ".join(item.choices))
            return Judged(value, None, item.wanted or "", value == item.wanted)
        case Operator.REPORT:
            if not REPORTED.fullmatch(value):
                raise Refusal("text-not-coded", status=422, parameter=item.label)
            return Judged(value, unit, "report", True)
        case _:
            return _judge_number(item, value, unit)


def limit_of(item: SpecificationItem) -> str:
    """Return the limit as it is compared and printed, e.g. `>= 20 %`."""
    if item.operator in SYMBOLS and item.limit is not None:
        unit = "" if item.unit in (None, "1") else f" {item.unit}"
        return f"{SYMBOLS[item.operator]} {item.limit:f}{unit}"
    return item.wanted or item.limit_text


def _judge_number(item: SpecificationItem, value: str, unit: str | None) -> Judged:
    if item.limit is None or item.unit is None:
        raise Refusal("specification-item-unfit", item=item.id)
    if not unit:
        raise Refusal("unit-missing", status=422, parameter=item.label, wanted=item.unit)
    limit = limit_of(item)
    censored = CENSORED.fullmatch(value)
    if censored is not None:
        sign, bound = censored.groups()
        edge = Measure.of(bound, unit).as_unit(item.unit)
        passed = _all_within(item.operator, item.limit, sign, edge)
        told = "every value that it leaves open is" if passed else "not every value that it leaves open is"
        return Judged(value, unit, limit, passed, f"censored result: {told} within the limit")
    measured = Measure.of(value, unit).as_unit(item.unit)
    rounded = measured.quantize(Decimal(1).scaleb(min(0, _exponent(item.limit))), rounding=ROUND_HALF_UP)
    note = "" if rounded == measured else f"compared as {rounded:f} {item.unit}, rounded half up to the limit's digits"
    return Judged(value, unit, limit, _within(item.operator, rounded, item.limit), note)


def _exponent(limit: Decimal) -> int:
    exponent = limit.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _within(operator: Operator, value: Decimal, limit: Decimal) -> bool:
    match operator:
        case Operator.GE:
            return value >= limit
        case Operator.GT:
            return value > limit
        case Operator.LE:
            return value <= limit
        case _:
            return value < limit


def _all_within(operator: Operator, limit: Decimal, sign: str, edge: Decimal) -> bool:
    """Tell whether the whole open range lies within the limit, e.g. all of `<=0.5` within `<= 0.5`."""
    if (sign in UPPER) != (operator in (Operator.LE, Operator.LT)):
        return False
    reaches_the_edge = sign in ("<=", ">=")
    if edge == limit:
        return not reaches_the_edge or operator in (Operator.LE, Operator.GE)
    return edge < limit if sign in UPPER else edge > limit


def endotoxin_per_kg_h(concentration: Decimal, volume_ml: Decimal, weight_kg: Decimal, infusion_h: Decimal) -> Decimal:
    """Return EU per kg and hour: concentration (EU/mL) x volume / (weight x max(hours, 1)). Rule: PRA-16."""
    if weight_kg <= 0:
        raise Refusal("number-malformed", status=422, given=f"{weight_kg:f}")
    return concentration * volume_ml / (weight_kg * max(infusion_h, Decimal(1)))
