"""Schemas of what a step judges: parameters, watched signals, time windows, quantities."""

from typing import Any

from marshmallow import fields, validates_schema

from mes.masters.model import NO, YES, Edge, Kind, MonitoredLimit, Parameter, Severity, Source, Window
from mes.masters.schemas.fields import Basis, Closed, DecimalText, Ident, Line, Truth, UnitCode, wrong
from mes.masters.signals import SIGNALS
from mes.units import Measure, are_compatible


def _check_limits(found: dict[str, Any]) -> None:
    low, high = found.get("low"), found.get("high")
    open_end = not (found.get("low_inclusive", True) and found.get("high_inclusive", True))
    if low is not None and high is not None and (low > high or (low == high and open_end)):
        raise wrong("limit-reversed", "low", low=f"{low:f}", high=f"{high:f}")


def _check_signal(found: dict[str, Any], *, numeric: bool) -> None:
    tag = found.get("tag")
    if tag is None:
        return
    if tag not in SIGNALS:
        raise wrong("signal-unknown", "tag", tag=tag, known=", ".join(SIGNALS))
    unit = SIGNALS[tag]
    if numeric and unit is None:
        raise wrong("signal-kind", "tag", tag=tag, gives="words", wanted="expected words, no unit and no limits")
    if not numeric and unit is not None:
        raise wrong("signal-kind", "tag", tag=tag, gives=f"numbers in {unit}", wanted="a unit and limits")
    if unit is not None and not are_compatible(found["unit"], unit):
        raise wrong("unit-incompatible", "unit", given=found["unit"], wanted=unit)


class ParameterSchema(Closed):
    """A parameter; its limits are told in its own unit."""

    made = Parameter
    id = Ident(required=True)
    label = Line(required=True)
    kind = fields.Enum(Kind, by_value=True)
    unit = UnitCode()
    low = DecimalText()
    high = DecimalText()
    low_inclusive = Truth()
    high_inclusive = Truth()
    choices = fields.List(Line())
    expected = Line()
    severity = fields.Enum(Severity, by_value=True)
    source = fields.Enum(Source, by_value=True)
    required = Truth()
    basis = Basis()
    tag = Line()
    formula = Line()

    @validates_schema(skip_on_field_errors=True)
    def check(self, found: dict[str, Any], **_: Any) -> None:
        """Check that unit, limits and answers fit the kind."""
        kind = found.get("kind", Kind.NUMBER)
        if kind is Kind.NUMBER:
            if "unit" not in found:
                raise wrong("unit-missing", "unit")
        elif {"unit", "low", "high"} & found.keys():
            raise wrong("unit-unfit", "unit")
        _check_limits(found)
        _check_signal(found, numeric=kind is Kind.NUMBER)
        _check_answers(kind, found)


def _check_answers(kind: Kind, found: dict[str, Any]) -> None:
    choices = found.get("choices", [])
    if kind is Kind.CHOICE and len(set(choices)) < max(2, len(choices)):
        raise wrong("choices-missing", "choices")
    allowed = {Kind.CHOICE: choices, Kind.FLAG: [YES, NO]}.get(kind, [])
    if kind is not Kind.CHOICE and choices:
        raise wrong("choice-unfit", "choices", given=", ".join(choices), choices=", ".join(allowed))
    if "expected" in found and found["expected"] not in allowed:
        raise wrong("choice-unfit", "expected", given=found["expected"], choices=", ".join(allowed))


class MonitoredSchema(Closed):
    """A watched device signal."""

    made = MonitoredLimit
    tag = Line(required=True)
    label = Line(required=True)
    unit = UnitCode()
    low = DecimalText()
    high = DecimalText()
    severity = fields.Enum(Severity, by_value=True)
    persist_min = DecimalText()
    expected = fields.List(Line())
    until = Ident()
    basis = Basis()

    @validates_schema(skip_on_field_errors=True)
    def check(self, found: dict[str, Any], **_: Any) -> None:
        """Check that limits are there and can be compared with what the signal gives."""
        numeric = "unit" in found
        if not numeric and SIGNALS.get(found["tag"]) is not None:
            raise wrong("unit-missing", "unit")
        if not numeric and {"low", "high"} & found.keys():
            raise wrong("unit-unfit", "unit")
        if numeric and found.get("expected"):
            raise wrong("unit-unfit", "expected")
        _check_signal(found, numeric=numeric)
        if not ({"low", "high"} & found.keys() or found.get("expected")):
            raise wrong("limit-missing", "low")
        _check_limits(found)


class WindowSchema(Closed):
    """A time window."""

    made = Window
    after = Ident()
    edge = fields.Enum(Edge, by_value=True)
    min_h = DecimalText()
    max_h = DecimalText()
    absolute = Truth()
    of = fields.Enum(Edge, by_value=True)
    plan_h = DecimalText()
    severity = fields.Enum(Severity, by_value=True)
    basis = Basis()

    @validates_schema(skip_on_field_errors=True)
    def check(self, found: dict[str, Any], **_: Any) -> None:
        """Check that the window has one anchor and is not reversed."""
        anchors = {"after", "edge"} & found.keys()
        fitting = not anchors if found.get("absolute", False) else len(anchors) == 2
        if not fitting or not {"min_h", "max_h"} & found.keys():
            raise wrong("window-malformed")
        low, high = found.get("min_h"), found.get("max_h")
        if low is not None and high is not None and low > high:
            raise wrong("window-reversed", "min_h", low=f"{low:f}", high=f"{high:f}")


class QuantitySchema(Closed):
    """A quantity with its unit."""

    made = Measure
    value = DecimalText(required=True)
    unit = UnitCode(required=True)
