"""Forms of links to the hospital's provider."""

from marshmallow import fields, validate

from mes.people.oidc.model import MAX_SUBJECT
from mes.web.schemas.acts import ActSchema


class LinkSchema(ActSchema):
    """Who somebody is at the provider: the value of the claim that the site is set to."""

    subject = fields.String(required=True, validate=validate.Length(1, MAX_SUBJECT), load_only=True)


class UnlinkSchema(ActSchema):
    """The end of a link; the reason is needed."""
