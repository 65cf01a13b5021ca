"""What the administrator does about people."""

from typing import Any
from uuid import UUID, uuid5

from flask import Response

from mes.ids import Op, PersonId
from mes.people.decide import actor_for
from mes.people.model import CredentialKind, Person, Role
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
    """Give a person an account with a temporary password and roles; QA approves roles once there is a QA."""
    by = actor_for(current_session(), Role.ADMINISTRATOR)
    room, op = services().people, Op(str(form["op"]))
    person = _of_earlier(op) or room.enroll(name=form["name"], user_name=form["user_name"], by=by, op=op)
    if CredentialKind.PASSWORD not in person.credentials:
        room.set_password(person.id, form["password"], by=by)
    for role in form["roles"]:
        if role not in person.roles:
            approver = _approver(form)
            room.grant_role(person.id, role, by=by, approver=approver, op=_part(form["op"], role))
    return answered({"person": of_person(room.person(person.id))}, 201)


@people.route("/<person_id>/roles", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@people.arguments(RoleSchema)
def grant_role(form: dict[str, Any], person_id: str) -> Response:
    """Let a person act in a role."""
    by = actor_for(current_session(), Role.ADMINISTRATOR)
    room, op = services().people, Op(str(form["op"]))
    if services().ledger.operation(op):
        return answered({"person": of_person(room.person(person_id))})
    granted = room.grant_role(PersonId(person_id), form["role"], by=by, approver=_approver(form), op=op)
    return answered({"person": of_person(granted)})


@people.route("/<person_id>/roles/withdraw", methods=["POST"])
@role_required(Role.ADMINISTRATOR, Role.SECURITY_OFFICER)
@people.arguments(RoleSchema)
def withdraw_role(form: dict[str, Any], person_id: str) -> Response:
    """Take a role away; it counts from the person's next request on."""
    held = services().people.withdraw_role(
        PersonId(person_id), form["role"], by=_keeper(), reason=form.get("reason")
    )  # fmt: skip
    return answered({"person": of_person(held)})


@people.route("/<person_id>/password", methods=["POST"])
@role_required(Role.ADMINISTRATOR)
@people.arguments(TemporaryPasswordSchema)
def set_password(form: dict[str, Any], person_id: str) -> Response:
    """Set a temporary password; its owner has to choose another before signing."""
    by = actor_for(current_session(), Role.ADMINISTRATOR)
    return answered({"person": of_person(services().people.set_password(PersonId(person_id), form["password"], by=by))})


@people.route("/<person_id>/disable", methods=["POST"])
@role_required(Role.ADMINISTRATOR, Role.SECURITY_OFFICER)
@people.arguments(ActSchema)
def disable(form: dict[str, Any], person_id: str) -> Response:
    """End an account, with a reason."""
    ended = services().people.disable(PersonId(person_id), by=_keeper(), reason=form.get("reason", ""))
    return answered({"person": of_person(ended)})


def _keeper() -> Any:
    session = current_session()
    role = Role.ADMINISTRATOR if Role.ADMINISTRATOR in session.person.roles else Role.SECURITY_OFFICER
    return actor_for(session, role)


def _approver(form: dict[str, Any]) -> PersonId | None:
    return PersonId(form["approver"]) if "approver" in form else None


def _of_earlier(op: Op) -> Person | None:
    done = services().ledger.operation(op)
    return services().people.person(str(done[0].data["person"])) if done else None


def _part(op: UUID, role: Role) -> Op:
    return Op(str(uuid5(op, role.value)))
