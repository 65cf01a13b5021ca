"""One's own passkeys, and the language in which one signs."""

from typing import Any

from flask import Response
from marshmallow import fields, validate

from mes.ids import Op, stream
from mes.ledger.events import Event
from mes.ledger.repeats import repeated
from mes.people.decide import own_actor
from mes.people.events import LanguageChosen, PasskeyEnrolled, PasskeyRemoved
from mes.people.passkeys import Passkey
from mes.signatures.meanings import LANGUAGES
from mes.web.api.answers import Acts, answered
from mes.web.permission import account_holder, current_session
from mes.web.schemas.acts import BASE64URL, ActSchema, Closed
from mes.web.schemas.site import SECRET
from mes.web.services import services

passkeys = Acts("passkeys", __name__, url_prefix="/api/me", description="One's own passkeys and language")
LONG = validate.Regexp("^[A-Za-z0-9_-]{1,60000}$", error="base64url without padding")


class BeginSchema(ActSchema):
    """The owner's password, given anew."""

    password = fields.String(required=True, validate=SECRET, load_only=True)


class AttestedSchema(Closed):
    """What an authenticator says about the key that it made."""

    client_data = fields.String(required=True, data_key="clientDataJSON", validate=BASE64URL)
    attestation = fields.String(required=True, data_key="attestationObject", validate=LONG)


class AnswerSchema(Closed):
    """A new credential, as WebAuthn names its parts."""

    id = fields.String(required=True, validate=BASE64URL)
    raw_id = fields.String(required=True, data_key="rawId", validate=BASE64URL)
    type = fields.String(required=True, validate=validate.Equal("public-key"))
    response = fields.Nested(AttestedSchema, required=True)


class PasskeySchema(ActSchema):
    """A new passkey and what its owner calls it."""

    name = fields.String(required=True, validate=validate.Length(1, 60))
    answer = fields.Nested(AnswerSchema, required=True)


class PasskeyRemovalSchema(ActSchema):
    """The passkey to take away; the reason is demanded."""

    credential = fields.String(required=True, validate=BASE64URL)


class LanguageSchema(ActSchema):
    """The language of the meanings that one signs."""

    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))


def of_passkey(passkey: Passkey) -> dict[str, Any]:
    """Return a passkey as its owner sees it."""
    return {"credential": passkey.credential, "name": passkey.name, "uses": passkey.count}


@passkeys.route("/passkeys", methods=["GET"])
@account_holder
def own() -> Response:
    """Return one's own passkeys."""
    return _own_passkeys()


@passkeys.route("/passkeys/begin", methods=["POST"])
@account_holder
@passkeys.arguments(BeginSchema)
def begin(form: dict[str, Any]) -> Response:
    """Prove oneself by password, and get what the authenticator needs to make a passkey; good for five minutes."""
    options = services().people.begin_passkey(current_session(), form["password"])
    return answered({"options": options}, page="passkey_made.html")


@passkeys.route("/passkeys", methods=["POST"])
@account_holder
@passkeys.arguments(PasskeySchema)
def enrol(form: dict[str, Any]) -> Response:
    """Enrol the passkey that the authenticator made."""
    session, op = current_session(), Op(str(form["op"]))
    if not _done(op, PasskeyEnrolled, credential=form["answer"]["id"]):
        answer = form["answer"]
        made = {
            "id": answer["id"], "rawId": answer["raw_id"], "type": answer["type"],
            "response": {"clientDataJSON": answer["response"]["client_data"],
                         "attestationObject": answer["response"]["attestation"]},
        }  # fmt: skip
        by = own_actor(session.person, session.terminal)
        services().people.enrol_passkey(session, made, form["name"], by=by, op=op)
    return _own_passkeys(201)


@passkeys.route("/passkeys/remove", methods=["POST"])
@account_holder
@passkeys.arguments(PasskeyRemovalSchema)
def remove(form: dict[str, Any]) -> Response:
    """Take one of one's own passkeys away, with a reason; what it signed stands."""
    session, op = current_session(), Op(str(form["op"]))
    if not _done(op, PasskeyRemoved, credential=form["credential"]):
        by = own_actor(session.person, session.terminal)
        reason = form.get("reason", "")
        services().people.remove_passkey(session.person.id, form["credential"], by=by, reason=reason, op=op)
    return _own_passkeys()


@passkeys.route("/language", methods=["POST"])
@account_holder
@passkeys.arguments(LanguageSchema)
def language(form: dict[str, Any]) -> Response:
    """Choose the language in which the meanings of one's signatures are shown and recorded."""
    session, op = current_session(), Op(str(form["op"]))
    if not _done(op, LanguageChosen, language=form["language"]):
        by = own_actor(session.person, session.terminal)
        services().people.choose_language(session.person.id, form["language"], by=by, op=op)
    return answered({"language": form["language"]}, goto="/me")


def _own_passkeys(status: int = 200) -> Response:
    held = services().people.passkeys(current_session().person.id)
    return answered({"passkeys": [of_passkey(one) for one in held]}, status, goto="/me")


def _done(op: Op, act: type[Event], **said: object) -> bool:
    """Tell whether this act was done before; refuses `operation-other` if the operation stands for something else."""
    person = current_session().person.id
    return repeated(services().ledger, op, stream("person", person), person, act, **said) is not None
