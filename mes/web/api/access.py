"""Rights: identity proofs, accountability, requests for access, their approval, reviews and security alerts."""

from typing import Any

from flask import Response

from mes.batches.service.acting import Acting
from mes.ledger.entry import Actor
from mes.people.decide import actor_for, own_actor
from mes.people.model import AccessRequest, Role, Session
from mes.people.ports import Sign
from mes.signatures.lending import lent
from mes.signatures.meanings import Meaning
from mes.web.api.answers import Acts, answered
from mes.web.api.entering import of_person
from mes.web.permission import account_holder, role_required, signed_in
from mes.web.schemas.acts import ActSchema, acting
from mes.web.schemas.site import AccessReviewSchema, AccessSchema, IdentitySchema
from mes.web.services import services

access = Acts("access", __name__, url_prefix="/api", description="Who may act as what, and who says so")
ASKERS = (
    Role.SUPERVISOR, Role.QA, Role.QP, Role.QC_REVIEWER, Role.CLINICIAN, Role.PHARMACIST, Role.SECURITY_OFFICER,
    Role.CONTROL_SITE,
)  # fmt: skip
"""Who may ask for somebody's access: those who answer for other people's work."""
WATCHERS = (Role.SECURITY_OFFICER, Role.ADMINISTRATOR, Role.QA)
"""Who sees the security page and answers alerts."""


@access.route("/people/<person_id>/identity", methods=["POST"])
@role_required(Role.QA, Role.ADMINISTRATOR)
@access.arguments(IdentitySchema)
def prove_identity(form: dict[str, Any], person_id: str) -> Response:
    """Record, signed, by what document the signed-in QA person knows who somebody is; never the document's number."""
    act, document = acting(form), str(form["document"])
    by = in_first(act.session, Role.QA, Role.ADMINISTRATOR)
    person = services().people.prove_identity(
        person_id, document, by=by, sign=ceremony(act, Meaning.IDENTITY_PROVED), op=act.op
    )  # fmt: skip
    return answered({"person": of_person(person)})


@access.route("/me/accountability", methods=["POST"])
@account_holder
@access.arguments(ActSchema)
def accept_accountability(form: dict[str, Any]) -> Response:
    """Sign that one's electronic signature binds as the handwritten one does."""
    act = acting(form)
    own = own_actor(act.session.person, act.session.terminal)
    sign = ceremony(act, Meaning.ACCOUNTABILITY_ACCEPTED)
    person = services().people.accept_accountability(act.session.person.id, by=own, sign=sign, op=act.op)
    return answered({"person": of_person(person)})


@access.route("/access")
@signed_in
def requests() -> Response:
    """Return the requests that wait for QA or for an administrator."""
    rows = services().people.access_requests()
    return answered({"requests": [{"request": row.request, "person": row.person, "role": row.role,
                                   "requester": row.requester, "approver": row.approver, "state": row.state,
                                   "reason": row.reason, "at": row.at} for row in rows]})  # fmt: skip


@access.route("/people/<person_id>/access", methods=["POST"])
@role_required(*ASKERS)
@access.arguments(AccessSchema)
def request_access(form: dict[str, Any], person_id: str) -> Response:
    """Ask that a person may act in a role, with a reason."""
    role, act = form.pop("role"), acting(form)
    by = in_first(act.session, *ASKERS)
    asked = services().people.request_access(person_id, role, by=by, reason=act.reason or "", op=act.op)
    return answered({"request": asked}, 201)


@access.route("/access/<request_id>/approve", methods=["POST"])
@role_required(Role.QA)
@access.arguments(ActSchema)
def approve_access(form: dict[str, Any], request_id: str) -> Response:
    """Approve a request with QA's two-factor signature."""
    act = acting(form)
    by, sign = actor_for(act.session, Role.QA), ceremony(act, Meaning.ACCESS_APPROVED)
    return answered(of_request(services().people.approve_access(request_id, by=by, sign=sign, op=act.op)))


@access.route("/access/<request_id>/refuse", methods=["POST"])
@role_required(Role.QA)
@access.arguments(ActSchema)
def refuse_access(form: dict[str, Any], request_id: str) -> Response:
    """Turn a request down, with a reason."""
    act = acting(form)
    by = actor_for(act.session, Role.QA)
    return answered(of_request(services().people.refuse_access(request_id, by=by, reason=act.reason or "", op=act.op)))


@access.route("/access/review", methods=["POST"])
@role_required(Role.QA)
@access.arguments(AccessReviewSchema)
def review_access(form: dict[str, Any]) -> Response:
    """Confirm or withdraw the access of everybody, in one signed act."""
    verdicts = {row["person"]: row["verdict"] for row in form.pop("verdicts")}
    act = acting(form)
    by, sign = actor_for(act.session, Role.QA), ceremony(act, Meaning.QA_REVIEWED)
    event = services().people.review_access(verdicts, by=by, sign=sign, op=act.op)
    lines = [{"person": one.person, "verdict": one.verdict} for one in event.people]
    return answered({"reviewed": lines}, goto="/people")


@access.route("/security")
@role_required(*WATCHERS, Role.AUDITOR)
def security() -> Response:
    """Return alerts and the newest security events."""
    room = services().people
    alerts = [
        {
            "alert": one.id,
            "what": one.what,
            "terminal": one.terminal,
            "in_a_row": one.in_a_row,
            "person": one.person,
            "at": one.at,
            "acknowledged_by": one.acknowledged_by,
        }
        for one in room.alerts()
    ]
    events = [{"at": one.at, "type": one.type, "person": one.person, "actor": one.actor, "terminal": one.terminal,
               "told": one.told} for one in room.watched()]  # fmt: skip
    return answered({"alerts": alerts, "events": events})


@access.route("/security/<alert_id>/acknowledge", methods=["POST"])
@role_required(*WATCHERS)
@access.arguments(ActSchema)
def acknowledge(form: dict[str, Any], alert_id: str) -> Response:
    """Say that one looked at an alert, and what one found."""
    act = acting(form)
    by = in_first(act.session, *WATCHERS)
    alert = services().people.acknowledge(alert_id, by=by, reason=act.reason or "", op=act.op)
    return answered({"alert": alert.id, "acknowledged_by": alert.acknowledged_by})


def ceremony(act: Acting, meaning: Meaning) -> Sign:
    """Return how the person of this act signs it."""
    site = services()
    return lent(site.signing, act.session, act.credentials, meaning, site.clock.now())


def in_first(session: Session, *roles: Role) -> Actor:
    """Return the session's person as actor in the first of these roles that they hold."""
    held = next((role for role in roles if role in session.person.roles), roles[0])
    return actor_for(session, held)


def of_request(request: AccessRequest) -> dict[str, Any]:
    """Return a request as programs see it."""
    return {"request": request.id, "person": request.person, "role": request.role.value, "state": request.state.value}
