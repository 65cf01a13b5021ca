"""The closed file schema of a release specification (format 1)."""

from collections import Counter
from typing import Any

from marshmallow import fields, post_load, validate, validates_schema

from mes.masters.schemas.fields import Basis, Closed, DecimalText, Ident, Line, Prose, Truth, UnitCode, wrong
from mes.masters.specification import Operator, Sample, Specification, SpecificationItem

FORMAT = 1
_NUMERIC = frozenset({Operator.GE, Operator.GT, Operator.LE, Operator.LT})


class ItemSchema(Closed):
    """One test of the specification."""

    made = SpecificationItem
    id = Ident(required=True)
    label = Line(required=True)
    method = Line(required=True)
    operator = fields.Enum(Operator, by_value=True, required=True)
    limit_text = Line(required=True)
    unit = UnitCode()
    limit = DecimalText()
    choices = fields.List(Line())
    wanted = Line()
    members = fields.List(Ident())
    member_of = Ident()
    deferrable = Truth()
    safety = Truth()
    sample = fields.Enum(Sample, by_value=True)
    min_incubation_h = DecimalText(validate=validate.Range(min=0))
    method_h = DecimalText(validate=validate.Range(min=0))
    basis = Basis()
    note = Prose()

    @validates_schema(skip_on_field_errors=True)
    def check(self, found: dict[str, Any], **_: Any) -> None:
        """Check that the limit fits the operator."""
        operator = found["operator"]
        if (operator in _NUMERIC) != ("limit" in found):
            raise wrong("item-limit-unfit", "limit", operator=operator)
        if operator in _NUMERIC and "unit" not in found:
            raise wrong("unit-missing", "unit")
        choices = found.get("choices", [])
        if (operator is Operator.EQ) != ("wanted" in found) or found.get("wanted") not in (None, *choices):
            raise wrong("choice-unfit", "wanted", given=found.get("wanted", "-"), choices=", ".join(choices))
        if (operator is Operator.ANY_OF) != (len(found.get("members", [])) >= 2):
            raise wrong("item-members", "members")


class SpecificationSchema(Closed):
    """A whole specification file."""

    format = fields.Integer(required=True, strict=True, validate=validate.Equal(FORMAT))
    id = Ident(required=True)
    version = fields.Integer(required=True, strict=True, validate=validate.Range(1, 9999))
    product = Line(required=True)
    title = Line(required=True)
    source = Prose(required=True)
    items = fields.List(fields.Nested(ItemSchema), required=True, validate=validate.Length(1, 100))

    @validates_schema(skip_on_field_errors=True)
    def check(self, found: dict[str, Any], **_: Any) -> None:
        """Check that ids stand once and that any_of items and their members name each other."""
        items = {one.id: one for one in found["items"]}
        for ident, count in Counter(one.id for one in found["items"]).items():
            if count > 1:
                raise wrong("duplicate-id", "items", id=ident)
        told = {(one.id, member) for one in items.values() for member in one.members}
        believed = {(one.member_of, one.id) for one in items.values() if one.member_of is not None}
        for group, member in sorted(told ^ believed):
            raise wrong("item-membership", "items", group=group, member=member)

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Specification:
        """Return the specification, still without digest and body."""
        items = tuple(found.pop("items"))
        return Specification(items=items, **{name: value for name, value in found.items() if name != "format"})
