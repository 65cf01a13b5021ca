"""Forms of orders, steps and problems."""

from marshmallow import fields, validate

from mes.batches.model import Binding
from mes.web.schemas.acts import IDENT, LINE, NUMBER, SHORT, TEXT, ActSchema, Closed


class QuantitySchema(Closed):
    """A quantity as text and a unit code."""

    value = fields.String(required=True, validate=NUMBER)
    unit = fields.String(required=True, validate=SHORT)


class OrderSchema(ActSchema):
    """A clinician's order."""

    order = fields.String(required=True, validate=IDENT)
    product = fields.String(required=True, validate=SHORT)
    patient = fields.String(required=True, validate=IDENT)
    wristband = fields.String(required=True, validate=validate.Length(1, 200), load_only=True)
    weight = fields.Nested(QuantitySchema, required=True)
    dose = fields.Nested(QuantitySchema, required=True)


class AcceptSchema(ActSchema):
    """How QA opens a batch for an order."""

    batch = fields.String(required=True, validate=IDENT)
    master = fields.String(required=True, validate=IDENT)
    version = fields.Integer(required=True, strict=False, validate=validate.Range(1, 9999))
    binding = fields.Enum(Binding, by_value=True, required=True)


class StartSchema(ActSchema):
    """Start a step, with a device where it needs one."""

    equipment = fields.String(validate=IDENT)


class ScanSchema(ActSchema):
    """A scanned code for one of the step's scans."""

    scan = fields.String(required=True, validate=SHORT)
    code = fields.String(required=True, validate=validate.Length(1, 200), load_only=True)


class LotSchema(Closed):
    """A lot as scanned."""

    material = fields.String(required=True, validate=IDENT)
    lot = fields.String(required=True, validate=IDENT)
    expiry = fields.AwareDateTime(required=True, format="iso")


class LotsSchema(ActSchema):
    """Lots used in a step."""

    lots = fields.List(fields.Nested(LotSchema), required=True, validate=validate.Length(1, 30))


class ValueSchema(Closed):
    """One value: text with every digit, and its unit."""

    parameter = fields.String(required=True, validate=SHORT)
    value = fields.String(required=True, validate=validate.Length(1, 80))
    unit = fields.String(validate=SHORT)
    source = fields.String(validate=validate.OneOf(["manual", "device", "calculated"]), load_default="manual")


class ValuesSchema(ActSchema):
    """The values of a step."""

    values = fields.List(fields.Nested(ValueSchema), load_default=list, validate=validate.Length(0, 60))


class CorrectSchema(ActSchema):
    """A corrected value."""

    value = fields.Nested(ValueSchema, required=True)


class AttestSchema(ActSchema):
    """A further signature on a step."""

    meaning = fields.String(required=True, validate=SHORT)


class ReportSchema(ActSchema):
    """Testimony: what happened in the world."""

    what = fields.String(required=True, validate=SHORT)
    account = fields.String(required=True, validate=TEXT)
    occurred_at = fields.AwareDateTime(required=True, format="iso")
    source = fields.String(required=True, validate=SHORT)
    witness = fields.String(validate=SHORT)
    step = fields.String(validate=IDENT)


class AssessSchema(ActSchema):
    """What somebody made of an exception or deviation."""

    text = fields.String(required=True, validate=TEXT)


class LineSchema(ActSchema):
    """One line of text."""

    text = fields.String(required=True, validate=LINE)
