"""Forms of results, reviews, certificates, labels, custody and infusion."""

from marshmallow import fields, validate

from mes.web.schemas.acts import IDENT, LINE, NUMBER, SHORT, ActSchema

CODE = validate.Length(1, 200)


class ResultSchema(ActSchema):
    """A result as measured: text such as 97.9, <=0.5 or sterile."""

    item = fields.String(required=True, validate=SHORT)
    value = fields.String(required=True, validate=SHORT)
    unit = fields.String(validate=SHORT)


class ItemSchema(ActSchema):
    """One item of the specification."""

    item = fields.String(required=True, validate=SHORT)


class ReviewSchema(ActSchema):
    """Which review is signed."""

    kind = fields.String(required=True, validate=validate.OneOf(["production", "qc", "audit_trail", "qa"]))


class CertifySchema(ActSchema):
    """A Qualified Person's certificate: what was confirmed, and which open points were acknowledged."""

    stage = fields.String(required=True, validate=validate.OneOf(["preliminary", "final"]))
    confirmations = fields.List(fields.String(validate=SHORT), load_default=list, validate=validate.Length(0, 10))
    acknowledged = fields.List(fields.String(validate=SHORT), load_default=list, validate=validate.Length(0, 40))


class RefuseSchema(ActSchema):
    """A refused certificate."""

    stage = fields.String(required=True, validate=validate.OneOf(["preliminary", "final"]))


class DonationSchema(ActSchema):
    """The scanned donation identification number."""

    code = fields.String(required=True, validate=CODE)


class FillSchema(ActSchema):
    """The product bag and where every millilitre went."""

    volume_ml = fields.String(required=True, validate=NUMBER)
    dose = fields.String(required=True, validate=SHORT)
    formulated_ml = fields.String(required=True, validate=NUMBER)
    quality_control_ml = fields.String(load_default="0", validate=NUMBER)
    retained_ml = fields.String(load_default="0", validate=NUMBER)
    backup_ml = fields.String(load_default="0", validate=NUMBER)
    waste_ml = fields.String(load_default="0", validate=NUMBER)


class LabelsSchema(ActSchema):
    """How many labels to print for a container."""

    container = fields.String(required=True, validate=IDENT)
    count = fields.Integer(load_default=1, strict=False, validate=validate.Range(1, 10))


class ReconcileSchema(ActSchema):
    """What became of every printed label."""

    used = fields.List(fields.String(validate=IDENT), load_default=list)
    destroyed = fields.List(fields.String(validate=IDENT), load_default=list)
    missing = fields.List(fields.String(validate=IDENT), load_default=list)
    search = fields.String(validate=LINE)


class HandOverSchema(ActSchema):
    """A container changes hands."""

    step = fields.String(required=True, validate=IDENT)
    container = fields.String(required=True, validate=IDENT)
    place = fields.String(required=True, validate=SHORT)
    condition = fields.String(required=True, validate=SHORT)


class TakeOverSchema(ActSchema):
    """Another person takes the container, with the logger's extremes."""

    handover = fields.String(required=True, validate=IDENT)
    place = fields.String(required=True, validate=SHORT)
    condition = fields.String(required=True, validate=SHORT)
    lowest_celsius = fields.String(validate=NUMBER)
    highest_celsius = fields.String(validate=NUMBER)


class IssueGoSchema(ActSchema):
    """The clinician's checks before issue."""

    container = fields.String(required=True, validate=IDENT)
    checks = fields.List(fields.String(validate=SHORT), required=True, validate=validate.Length(1, 20))


class BedsideSchema(ActSchema):
    """Wristband and bag, scanned by one of two people."""

    wristband = fields.String(required=True, validate=CODE, load_only=True)
    bag = fields.String(required=True, validate=CODE)


class ContainerSchema(ActSchema):
    """One container."""

    container = fields.String(required=True, validate=IDENT)


class InfusedSchema(ActSchema):
    """How the infusion ended."""

    volume_ml = fields.String(required=True, validate=NUMBER)
    outcome = fields.String(load_default="complete", validate=SHORT)
