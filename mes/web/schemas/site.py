"""Forms of people, masters, devices and patients."""

from marshmallow import fields, validate

from mes.people.model import Role
from mes.web.schemas.acts import IDENT, SHORT, ActSchema, Closed

SECRET = validate.Length(1, 256)


class SignInSchema(Closed):
    """Name and password."""

    user_name = fields.String(required=True, validate=SHORT)
    password = fields.String(required=True, validate=SECRET, load_only=True)


class FirstSchema(Closed):
    """The first administrator of a site, by the one-time code from the console."""

    code = fields.String(required=True, validate=SHORT, load_only=True)
    name = fields.String(required=True, validate=validate.Length(1, 100))
    user_name = fields.String(required=True, validate=SHORT)
    password = fields.String(required=True, validate=SECRET, load_only=True)


class EnrolSchema(ActSchema):
    """A new person with a temporary password and their roles."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    user_name = fields.String(required=True, validate=SHORT)
    password = fields.String(required=True, validate=SECRET, load_only=True)
    roles = fields.List(fields.Enum(Role, by_value=True), load_default=list, validate=validate.Length(0, 12))


class RoleSchema(ActSchema):
    """A role to grant, on the approved request for it, or to withdraw."""

    role = fields.Enum(Role, by_value=True, required=True)


class AccessSchema(ActSchema):
    """A role that is asked for; the reason is needed."""

    role = fields.Enum(Role, by_value=True, required=True)


class IdentitySchema(ActSchema):
    """By what kind of document an identity was proved, e.g. `passport, seen`; never its number."""

    document = fields.String(required=True, validate=SHORT)


class VerdictSchema(Closed):
    """What a review of access says about one person."""

    person = fields.String(required=True, validate=IDENT)
    verdict = fields.String(required=True, validate=validate.OneOf(["confirmed", "withdrawn"]))


class AccessReviewSchema(ActSchema):
    """A review of everybody's access."""

    verdicts = fields.List(fields.Nested(VerdictSchema), required=True, validate=validate.Length(1, 1000))


class TemporaryPasswordSchema(ActSchema):
    """A password that somebody else sets; its owner has to change it before signing."""

    password = fields.String(required=True, validate=SECRET, load_only=True)


class PasswordSchema(ActSchema):
    """One's own new password."""

    current = fields.String(required=True, validate=SECRET, load_only=True)
    password = fields.String(required=True, validate=SECRET, load_only=True)


class TotpSchema(ActSchema):
    """The first code of one's own authenticator."""

    password = fields.String(required=True, validate=SECRET, load_only=True)
    code = fields.String(required=True, validate=validate.Length(6, 8), load_only=True)


class MasterSchema(ActSchema):
    """A master that lies in batch_templates."""

    master = fields.String(required=True, validate=IDENT)
    version = fields.Integer(required=True, strict=False, validate=validate.Range(1, 9999))


class DeviceSchema(ActSchema):
    """A device and how it is bound."""

    equipment = fields.String(required=True, validate=IDENT)
    device_class = fields.String(required=True, validate=SHORT)
    model = fields.String(required=True, validate=SHORT)
    serial = fields.String(required=True, validate=SHORT)
    binding = fields.String(required=True, validate=validate.OneOf(["opcua", "manual"]))
    endpoint = fields.String(validate=validate.Length(1, 200))
    nodemap = fields.String(validate=SHORT)
    server_thumbprint = fields.String(validate=validate.Length(64, 71))
    simulated = fields.Boolean(load_default=False)


class NodeMapSchema(ActSchema):
    """The node map that QA approves, by digest."""

    digest = fields.String(required=True, validate=validate.Length(64, 64))


class QualifySchema(ActSchema):
    """Until when the device is qualified."""

    until = fields.AwareDateTime(required=True, format="iso")


class PatientSchema(ActSchema):
    """A patient for the vault; nothing of this enters the ledger."""

    name = fields.String(required=True, validate=validate.Length(1, 100), load_only=True)
    birth_date = fields.Date(required=True, load_only=True)
    hospital_number = fields.String(required=True, validate=SHORT, load_only=True)
    wristband = fields.String(required=True, validate=validate.Length(1, 200), load_only=True)


class RevealSchema(ActSchema):
    """Why a patient's identity is looked at."""

    purpose = fields.String(required=True, validate=SHORT)
