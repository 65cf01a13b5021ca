"""The closed file schema of a master batch record (format 1)."""

from collections import Counter
from typing import Any

from marshmallow import fields, post_load, validate, validates_schema

from mes.masters.model import (
    Act,
    AlsoSigned,
    BatchKind,
    EquipmentNeed,
    IdentityScan,
    Lane,
    Master,
    Material,
    Program,
    SignatureRule,
    Step,
)
from mes.masters.schemas.fields import Closed, DecimalText, Ident, Line, Prose, Truth, wrong
from mes.masters.schemas.values import MonitoredSchema, ParameterSchema, QuantitySchema, WindowSchema
from mes.people.model import Role
from mes.signatures.meanings import Meaning

FORMAT = 1
STEP_MEANINGS = frozenset(
    {
        Meaning.VERIFIED,
        Meaning.LINE_CLEARED,
        Meaning.RECEIVED_ACCEPTED,
        Meaning.LABEL_ISSUED,
        Meaning.LABEL_RECONCILED,
        Meaning.SAMPLED,
        Meaning.RESULT_ENTERED,
        Meaning.RESULT_REVIEWED,
        Meaning.PROD_REVIEWED,
        Meaning.AUDIT_TRAIL_REVIEWED,
        Meaning.QA_REVIEWED,
        Meaning.QC_UNIT_APPROVED,
        Meaning.QP_PRELIM_CERTIFIED,
        Meaning.QP_FINAL_CERTIFIED,
        Meaning.RELEASE_ASSIGNED,
        Meaning.HANDED_OVER,
        Meaning.TAKEN_OVER,
        Meaning.THAWED,
        Meaning.BEDSIDE_ID_1,
        Meaning.BEDSIDE_ID_2,
        Meaning.INFUSION_STARTED,
        Meaning.INFUSION_COMPLETED,
        Meaning.IDENTITY_PROVED,
    }
)
"""The meanings, of the closed list of signatures, that a further signature of a step may have."""
_ROLES = frozenset(str(role) for role in Role)


class RoleWord(fields.String):
    """A role as people have it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if text not in _ROLES:
            raise wrong("role-unknown", role=str(text)[:40], known=", ".join(sorted(_ROLES)))
        return text


class MeaningWord(fields.String):
    """A signature meaning that a step may ask for."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if text not in {str(one) for one in STEP_MEANINGS}:
            raise wrong("meaning-unknown", meaning=str(text)[:40])
        return text


class MaterialSchema(Closed):
    """A material to scan."""

    made = Material
    code = Ident(required=True)
    label = Line(required=True)
    quantity = fields.Nested(QuantitySchema)
    patient_material = Truth()


class ProgramSchema(Closed):
    """A numbered device program."""

    made = Program
    number = fields.String(required=True, validate=validate.Regexp(r"[0-9]{1,5}\Z"))
    name = Line(required=True)
    follow_state = Line()


class EquipmentSchema(Closed):
    """Equipment that the step needs."""

    made = EquipmentNeed
    device_class = Ident(required=True)
    program = fields.Nested(ProgramSchema)


class ScanSchema(Closed):
    """An identity scan."""

    made = IdentityScan
    id = Ident(required=True)
    label = Line(required=True)
    expects = fields.String(required=True, validate=validate.Regexp(r"[a-z_]{2,20}(:[a-z_]{2,20})?\Z"))


class AlsoSchema(Closed):
    """A further signature."""

    made = AlsoSigned
    meaning = MeaningWord(required=True)
    role = RoleWord(required=True)


class SignatureSchema(Closed):
    """Who signs a step."""

    made = SignatureRule
    performed = RoleWord()
    verified = RoleWord()
    also = fields.List(fields.Nested(AlsoSchema))


def _once(found: list[Any], field_name: str, key: str = "id") -> None:
    for ident, count in Counter(getattr(one, key) for one in found).items():
        if count > 1:
            raise wrong("duplicate-id", field_name, id=ident)


class StepSchema(Closed):
    """A step."""

    made = Step
    id = Ident(required=True)
    title = Line(required=True)
    instruction = Prose()
    lane = fields.Enum(Lane, by_value=True)
    act = fields.Enum(Act, by_value=True)
    after = fields.List(Ident())
    duration_h = DecimalText(validate=validate.Range(min=0))
    windows = fields.List(fields.Nested(WindowSchema))
    parameters = fields.List(fields.Nested(ParameterSchema))
    monitored = fields.List(fields.Nested(MonitoredSchema))
    materials = fields.List(fields.Nested(MaterialSchema))
    equipment = fields.List(fields.Nested(EquipmentSchema))
    scans = fields.List(fields.Nested(ScanSchema))
    signatures = fields.Nested(SignatureSchema)
    optional = Truth()
    ipc = fields.List(Line())

    @validates_schema(skip_on_field_errors=True)
    def check(self, found: dict[str, Any], **_: Any) -> None:
        """Check that every id stands once."""
        for field_name, key in (("parameters", "id"), ("scans", "id"), ("materials", "code")):
            _once(found.get(field_name, []), field_name, key)


class MasterSchema(Closed):
    """A whole master file."""

    format = fields.Integer(required=True, strict=True, validate=validate.Equal(FORMAT))
    id = Ident(required=True)
    version = fields.Integer(required=True, strict=True, validate=validate.Range(1, 9999))
    product = Line(required=True)
    title = Line(required=True)
    kind = fields.Enum(BatchKind, by_value=True)
    target_vein_to_vein_h = DecimalText(validate=validate.Range(min=1))
    shelf_life_h = DecimalText(validate=validate.Range(min=0, min_inclusive=False))
    start_step = Ident(required=True)
    infusion_step = Ident(required=True)
    selection_step = Ident()
    dose_step = Ident()
    expiry_step = Ident()
    specification = Ident(required=True)
    notes = Prose()
    steps = fields.List(fields.Nested(StepSchema), required=True, validate=validate.Length(1, 200))

    @post_load
    def make(self, found: dict[str, Any], **_: Any) -> Master:
        """Return the master, still without digest and body."""
        steps = tuple(found.pop("steps"))
        return Master(steps=steps, **{name: value for name, value in found.items() if name != "format"})
