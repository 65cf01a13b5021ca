"""Accounts: made, changed and ended by the administrator. Rights are asked for and given in access.py."""

from typing import Any
from uuid import UUID, uuid5

from flask import Response

from mes.ids import Op, PersonId
from mes.ledger.entry import Actor
from mes.people.decide import actor_for
from mes.people.model import CredentialKind, Role
from mes.web.api.answers import Acts, answered
from mes.web.api.entering import of_person
from mes.web.permission import current_session, role_required, signed_in
from mes.web.schemas.acts import ActSchema
from mes.web.schemas.site import EnrolSchema, RoleSchema, TemporaryPasswordSchema
from mes.web.services import services

people = Acts("people", __name__, url_prefix="/api/people", description="People and their roles")


@people.route("", methods=["GET"])
@signed_in
def everybody() -> Response:
    """Return everybody who was ever enrolled."""
    return answered({"people": [of_person(one) for one in services().people.people()]})


@people.route("", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@people.arguments(EnrolSchema)
def enrol(form: dict[str, Any]) -> Response:
    """Give a person an account with a temporary password.

    Roles may be given at once only until QA of the site can sign; from then on they are asked for and approved.
    """
    by = actor_for(current_session(), Role.ADMINISTRATOR)
    room, op = services().people, Op(str(form["op"]))
    person = room.enroll(name=form["name"], user_name=form["user_name"], by=by, op=op)
    if CredentialKind.PASSWORD not in person.credentials:
        room.set_password(person.id, form["password"], by=by, op=_part(form["op"], "password"))
    for role in form["roles"]:
        if role not in person.roles:
            room.grant_role(person.id, role, by=by, op=_part(form["op"], role.value))
    return answered({"person": of_person(room.person(person.id))}, 201)


@people.route("/<person_id>/roles", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@people.arguments(RoleSchema)
def grant_role(form: dict[str, Any], person_id: str) -> Response:
    """Let a person act in a role, on the approved request for it."""
    by = actor_for(current_session(), Role.ADMINISTRATOR)
    granted = services().people.grant_role(PersonId(person_id), form["role"], by=by, op=Op(str(form["op"])))
    return answered({"person": of_person(granted)})


@people.route("/<person_id>/roles/withdraw", methods=["POST"])
@role_required(Role.ADMINISTRATOR, Role.SECURITY_OFFICER)
@people.arguments(RoleSchema)
def withdraw_role(form: dict[str, Any], person_id: str) -> Response:
    """Take a role away; it counts from the person's next request on."""
    held = services().people.withdraw_role(
        PersonId(person_id), form["role"], by=_keeper(), reason=form.get("reason"), op=Op(str(form["op"]))
    )  # fmt: skip
    return answered({"person": of_person(held)})


@people.route("/<person_id>/password", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@people.arguments(TemporaryPasswordSchema)
def set_password(form: dict[str, Any], person_id: str) -> Response:
    """Set a temporary password; its owner has to choose another before signing."""
    by = actor_for(current_session(), Role.ADMINISTRATOR)
    op = Op(str(form["op"]))
    person = services().people.set_password(PersonId(person_id), form["password"], by=by, op=op)
    return answered({"person": of_person(person)})


@people.route("/<person_id>/totp/remove", methods=["POST"])
@role_required(Role.ADMINISTRATOR, Role.SECURITY_OFFICER)
@people.arguments(ActSchema)
def remove_totp(form: dict[str, Any], person_id: str) -> Response:
    """Take a lost second factor away at once, with a reason. Rule: REG-P11-300a-e."""
    reason, op = form.get("reason", ""), Op(str(form["op"]))
    person = services().people.remove_totp(PersonId(person_id), by=_keeper(), reason=reason, op=op)
    return answered({"person": of_person(person)})


@people.route("/<person_id>/disable", methods=["POST"])
@role_required(Role.ADMINISTRATOR, Role.SECURITY_OFFICER)
@people.arguments(ActSchema)
def disable(form: dict[str, Any], person_id: str) -> Response:
    """End an account, with a reason; its sessions end with it."""
    reason, op = form.get("reason", ""), Op(str(form["op"]))
    return answered({"person": of_person(services().people.disable(PersonId(person_id), by=_keeper(), reason=reason,
                                                                   op=op))})  # fmt: skip


def _keeper() -> Actor:
    session = current_session()
    role = Role.ADMINISTRATOR if Role.ADMINISTRATOR in session.person.roles else Role.SECURITY_OFFICER
    return actor_for(session, role)


def _part(op: UUID, part: str) -> Op:
    return Op(str(uuid5(op, part)))
