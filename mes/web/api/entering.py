"""Signing in and out, the first administrator, and everybody's own account."""

from typing import Any

from flask import Response, request

from mes.ids import Op, PersonId
from mes.people.decide import own_actor
from mes.people.model import CredentialKind, Person
from mes.web.api.answers import Acts, answered
from mes.web.door import cookie_name, drop_session, set_session, terminal
from mes.web.permission import account_holder, current_session, public
from mes.web.schemas.acts import ActSchema, Closed
from mes.web.schemas.site import FirstSchema, PasswordSchema, SignInSchema, TotpSchema
from mes.web.services import services

entering = Acts("entering", __name__, url_prefix="/api", description="Signing in and one's own account")


def of_person(person: Person) -> dict[str, Any]:
    """Return a person as programs see them."""
    return {
        "id": person.id, "name": person.name, "user_name": person.user_name, "active": person.active,
        "roles": sorted(role.value for role in person.roles), "password_temporary": person.password_temporary,
        "second_factor": CredentialKind.TOTP in person.credentials, "identity_proved": person.identity_proved,
        "accountable": person.accountable,
    }  # fmt: skip


@entering.route("/sign-in", methods=["POST"])
@public
@entering.arguments(SignInSchema)
def sign_in(form: dict[str, Any]) -> Response:
    """Open a session; a program keeps its cookies and sends `csrf` as header X-CSRF-Token."""
    room, former = services().people, request.cookies.get(cookie_name())
    token, session = room.sign_in(form["user_name"], form["password"], terminal())
    if former:
        room.sign_out(former)
    goto = "/me" if session.person.password_temporary or not session.person.roles else "/batches"
    response = answered({"person": of_person(session.person), "csrf": session.csrf}, goto=goto)
    set_session(response, token)
    return response


@entering.route("/sign-out", methods=["POST"])
@account_holder
@entering.arguments(Closed)
def sign_out(form: dict[str, Any]) -> Response:
    """End the session."""
    services().people.sign_out(request.cookies[cookie_name()])
    response = answered({}, goto="/sign-in")
    drop_session(response)
    return response


@entering.route("/first-administrator", methods=["POST"])
@public
@entering.arguments(FirstSchema)
def first_administrator(form: dict[str, Any]) -> Response:
    """Enrol the site's first administrator by the one-time code from its console."""
    keys = services().settings.keys_dir
    person = services().people.first_administrator(keys, form.pop("code"), **form, terminal=terminal())
    return answered({"person": person}, 201, goto="/sign-in")


@entering.route("/me", methods=["GET"])
@account_holder
def me() -> Response:
    """Return who is signed in, and the token for X-CSRF-Token."""
    session = current_session()
    return answered({"person": of_person(session.person), "csrf": session.csrf})


@entering.route("/me/password", methods=["POST"])
@account_holder
@entering.arguments(PasswordSchema)
def own_password(form: dict[str, Any]) -> Response:
    """Set one's own password; it ends every other session, and this one goes on under a fresh id."""
    session = current_session()
    actor = own_actor(session.person, session.terminal)
    person = services().people.set_password(
        _own(), form["password"], by=actor, current=form["current"], op=Op(str(form["op"]))
    )  # fmt: skip
    token = services().people.renew(session)
    fresh = services().people.session(token)
    response = answered({"person": of_person(person), "csrf": fresh.csrf if fresh else ""})
    set_session(response, token)
    return response


@entering.route("/me/totp", methods=["POST"])
@account_holder
@entering.arguments(ActSchema)
def start_totp(form: dict[str, Any]) -> Response:
    """Make a second-factor secret for one's own authenticator; it counts once a code proved it."""
    made = services().people.start_totp(_own())
    return answered({"secret": made.secret, "uri": made.uri}, page="totp.html")


@entering.route("/me/totp/enrol", methods=["POST"])
@account_holder
@entering.arguments(TotpSchema)
def enrol_totp(form: dict[str, Any]) -> Response:
    """Prove the second factor by a first code."""
    session = current_session()
    actor = own_actor(session.person, session.terminal)
    op = Op(str(form["op"]))
    person = services().people.enroll_totp(_own(), form["code"], password=form["password"], by=actor, op=op)
    return answered({"person": of_person(person)}, goto="/me")


def _own() -> PersonId:
    return current_session().person.id
