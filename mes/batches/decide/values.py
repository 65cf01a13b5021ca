"""Judging one value against its parameter, once, with units and every digit kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mes.batches.model import Judgement, RecordedValue
from mes.equipment.ports import DrainedReading
from mes.errors import Refusal
from mes.masters.model import NO, YES, Kind, Parameter, Source, Step
from mes.units import Measure

RULE = "value-within-limit"
RULE_VERSION = 1
CODED_TEXT = re.compile(r"[\w .,/:+()%=-]{1,80}", re.UNICODE)


@dataclass(frozen=True, slots=True)
class GivenValue:
    """A value as it came from a form or a device: text, unit code, source (manual, device, calculated)."""

    parameter: str
    value: str
    unit: str | None = None
    source: str = "manual"


def judged_values(step: Step, given: tuple[GivenValue, ...]) -> tuple[RecordedValue, ...]:
    """Judge all values of a step.

    Refuses `parameter-unknown`, `parameter-twice`, `value-missing` and whatever a single value refuses.
    Rule: REG-ATMP-02, REG-A11-05.
    """
    by_id: dict[str, GivenValue] = {}
    for value in given:
        step.parameter(value.parameter)
        if value.parameter in by_id:
            raise Refusal("parameter-twice", status=422, parameter=value.parameter)
        by_id[value.parameter] = value
    missing = [one.label for one in step.parameters if one.required and one.id not in by_id]
    if missing:
        raise Refusal("value-missing", status=422, step=step.id, parameters=", ".join(missing))
    return tuple(judge(one, by_id[one.id]) for one in step.parameters if one.id in by_id)


def with_true_sources(
    step: Step, given: tuple[GivenValue, ...], newest: Mapping[str, DrainedReading]
) -> tuple[GivenValue, ...]:
    """Let a value count as the device's only if the device's newest good reading says the same; else it is manual."""
    checked = []
    for value in given:
        if value.source == Source.DEVICE.value:
            reading = newest.get(step.parameter(value.parameter).tag or "")
            same = reading is not None and reading.good and (reading.text, reading.unit) == (value.value, value.unit)
            value = value if same else replace(value, source=Source.MANUAL.value)  # noqa: PLW2901
        checked.append(value)
    return tuple(checked)


def judge(parameter: Parameter, given: GivenValue) -> RecordedValue:
    """Judge one value.

    Refuses `number-malformed`, `unit-missing`, `unit-unknown`, `unit-incompatible`, `choice-unknown` and
    `text-not-coded`. A value outside its limit is no refusal: it is a fact.
    """
    match parameter.kind:
        case Kind.NUMBER:
            return _judge_number(parameter, given)
        case Kind.FLAG:
            return _judge_choice(parameter, given, (YES, NO))
        case Kind.CHOICE:
            return _judge_choice(parameter, given, parameter.choices)
        case Kind.TEXT:
            if not CODED_TEXT.fullmatch(given.value):
                raise Refusal("text-not-coded", status=422, parameter=parameter.label)
            within = parameter.expected is None or given.value == parameter.expected
            return _recorded(parameter, given, parameter.expected or "", within)


def _judge_number(parameter: Parameter, given: GivenValue) -> RecordedValue:
    if parameter.unit is not None and not given.unit:
        raise Refusal("unit-missing", status=422, parameter=parameter.label, wanted=parameter.unit)
    measure = Measure.of(given.value, given.unit or "1")
    compared = measure.as_unit(parameter.unit or "1")
    above_low = parameter.low is None or (
        compared >= parameter.low if parameter.low_inclusive else compared > parameter.low
    )
    below_high = parameter.high is None or (
        compared <= parameter.high if parameter.high_inclusive else compared < parameter.high
    )
    return _recorded(parameter, given, limit_text(parameter), above_low and below_high)


def _judge_choice(parameter: Parameter, given: GivenValue, choices: tuple[str, ...]) -> RecordedValue:
    if given.value not in choices:
        raise Refusal("choice-unknown", status=422, parameter=parameter.label, choices=", ".join(choices))
    within = parameter.expected is None or given.value == parameter.expected
    return _recorded(parameter, given, parameter.expected or "", within)


def _recorded(parameter: Parameter, given: GivenValue, limit: str, within: bool) -> RecordedValue:
    unit = (given.unit or "1") if parameter.kind is Kind.NUMBER else None
    judgement = Judgement(RULE, RULE_VERSION, limit, within)
    return RecordedValue(parameter.id, given.value, unit, given.source, judgement)


def limit_text(parameter: Parameter) -> str:
    """Return the limit as it is shown, judged and printed, e.g. `>= 0.40 and <= 1 1`; empty if there is none."""
    parts = []
    if parameter.low is not None:
        parts.append(f"{'>=' if parameter.low_inclusive else '>'} {parameter.low:f}")
    if parameter.high is not None:
        parts.append(f"{'<=' if parameter.high_inclusive else '<'} {parameter.high:f}")
    if not parts:
        return parameter.expected or ""
    unit = "" if parameter.unit in (None, "1") else f" {parameter.unit}"
    return " and ".join(parts) + unit


def value_text(value: RecordedValue) -> str:
    """Return a value with its unit, limit and verdict, as its signers see it."""
    unit = "" if value.unit in (None, "1") else f" {value.unit}"
    limit = f" (limit {value.judgement.limit})" if value.judgement.limit else ""
    verdict = "" if value.judgement.within else " OUTSIDE LIMIT"
    return f"{value.value}{unit}{limit}{verdict}"
