"""Forms of data protection."""

from marshmallow import fields, validate

from mes.identity.model import ErasureGround, RemovalGround
from mes.web.schemas.acts import ActSchema


class ErasureSchema(ActSchema):
    """On which ground a patient shall be forgotten; the reason is needed."""

    ground = fields.String(required=True, validate=validate.OneOf([one.value for one in ErasureGround]))


class ForgetSchema(ActSchema):
    """The second person's decision; the reason is needed."""


class ContentRemovalSchema(ActSchema):
    """Which content goes, by its digest, on which legal ground; the reason is needed."""

    content = fields.String(required=True, validate=validate.Regexp("^[0-9a-f]{64}$"))
    ground = fields.String(required=True, validate=validate.OneOf([one.value for one in RemovalGround]))
