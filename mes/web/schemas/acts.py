"""What every act carries: an operation id, perhaps a reason, perhaps a signature."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

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


BASE64URL = validate.Regexp("^[A-Za-z0-9_-]{1,8000}$", error="base64url without padding")


class AssertionSchema(Closed):
    """A passkey's answer to the statement, as WebAuthn names its parts."""

    credential = fields.String(required=True, validate=BASE64URL)
    authenticator_data = fields.String(required=True, data_key="authenticatorData", validate=BASE64URL)
    client_data = fields.String(required=True, data_key="clientDataJSON", validate=BASE64URL)
    signature = fields.String(required=True, validate=BASE64URL)


class SignatureSchema(Closed):
    """What a signer hands in: a password or an assertion; `shown` is the digest of what was on the screen.

    `statement` and `after` are those of the prompt; without them a password signs what is there now. There is no
    field for a time or a meaning: both are the site's own.
    """

    user_name = fields.String(validate=SHORT)
    password = fields.String(validate=validate.Length(1, 256), load_only=True)
    totp = fields.String(validate=validate.Length(6, 8), load_only=True)
    assertion = fields.Nested(AssertionSchema)
    shown = fields.String(required=True, validate=validate.Length(64, 64))
    statement = fields.String(validate=validate.Length(64, 64))
    after = fields.Integer(strict=False, validate=validate.Range(0))

    @validates_schema
    def has_a_secret(self, found: dict[str, Any], **_: Any) -> None:
        """Refuse a signature without a secret, and one with two."""
        if ("password" in found) == ("assertion" in found):
            raise ValidationError("a password, or a passkey's assertion")


def credentials_of(signature: dict[str, Any]) -> Credentials:
    """Return what a signer handed in, as the rooms take it."""
    answer = signature.get("assertion")
    assertion = None if answer is None else {
        "credential": answer["credential"], "authenticatorData": answer["authenticator_data"],
        "clientDataJSON": answer["client_data"], "signature": answer["signature"],
    }  # fmt: skip
    return Credentials(
        signature.get("user_name"), signature.get("password"), signature.get("totp"), signature["shown"],
        signature.get("statement"), signature.get("after"), assertion,
    )  # fmt: skip


class ActSchema(Closed):
    """An act of a signed-in person; `op` makes repeating it harmless."""

    op = fields.UUID(required=True)
    reason = fields.String(validate=LINE)
    signature = fields.Nested(SignatureSchema)


def acting(form: dict[str, Any]) -> Acting:
    """Take what every act carries out of a loaded form."""
    signature = form.pop("signature", None)
    credentials = None if signature is None else credentials_of(signature)
    return Acting(current_session(), Op(str(form.pop("op"))), credentials, form.pop("reason", None))
