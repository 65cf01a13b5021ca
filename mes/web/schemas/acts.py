"""What every act carries: an operation id, perhaps a reason, perhaps a signature."""

from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from mes.batches.service.acting import Acting
from mes.ids import ID_PATTERN, Op
from mes.signatures.model import Credentials
from mes.web.permission import current_session

IDENT = validate.Regexp(f"^{ID_PATTERN.pattern}$", error="letters, digits, dot, dash, underscore; at most 64")
SHORT = validate.Length(1, 80)
LINE = validate.Length(1, 500)
TEXT = validate.Length(1, 8000)
NUMBER = validate.Length(1, 40)


class Closed(Schema):
    """A form that refuses fields it does not know."""

    class Meta:
        """Unknown fields are an error."""

        unknown = RAISE


class SignatureSchema(Closed):
    """What a signer hands in; `shown` is the digest of what was on the screen."""

    user_name = fields.String(validate=SHORT)
    password = fields.String(required=True, validate=validate.Length(1, 200), load_only=True)
    totp = fields.String(validate=validate.Length(6, 8), load_only=True)
    shown = fields.String(required=True, validate=validate.Length(64, 64))


class ActSchema(Closed):
    """An act of a signed-in person; `op` makes repeating it harmless."""

    op = fields.UUID(required=True)
    reason = fields.String(validate=LINE)
    signature = fields.Nested(SignatureSchema)


def acting(form: dict[str, Any]) -> Acting:
    """Take what every act carries out of a loaded form."""
    signature = form.pop("signature", None)
    credentials = None
    if signature is not None:
        credentials = Credentials(
            signature.get("user_name"), signature["password"], signature.get("totp"), signature["shown"]
        )
    return Acting(current_session(), Op(str(form.pop("op"))), credentials, form.pop("reason", None))
