"""Training of people: recording and withdrawing it, and who is trained on which master."""

from typing import Any

from flask import Response
from marshmallow import fields, validate

from mes.ids import PersonId
from mes.masters.training import Crew, Trained
from mes.people.model import Role
from mes.people.training.model import Standing, Subject, SubjectKind, TrainingResult
from mes.web.api.answers import Acts, answered
from mes.web.permission import role_required, signed_in
from mes.web.schemas.acts import IDENT, ActSchema, acting
from mes.web.services import services

training = Acts("training", __name__, url_prefix="/api/training", description="Training of people")


class SubjectSchema(ActSchema):
    """Whose training on what; a class of devices has no version."""

    person = fields.String(required=True, validate=IDENT)
    kind = fields.Enum(SubjectKind, by_value=True, load_default=SubjectKind.MASTER)
    subject = fields.String(required=True, validate=IDENT)
    version = fields.Integer(load_default=0, strict=False, validate=validate.Range(0, 9999))


class TrainingSchema(SubjectSchema):
    """How a training ended and until when it counts; the evidence in words is kept as detachable content."""

    result = fields.Enum(TrainingResult, by_value=True, load_default=TrainingResult.PASSED)
    valid_until = fields.AwareDateTime(required=True, format="iso")
    evidence = fields.String(validate=validate.Length(1, 8000))


@training.route("", methods=["GET"])
@signed_in
def registered() -> Response:
    """Return every training as it stands, and per startable master who is trained and who is missing."""
    room = services().training
    return answered(
        {"trainings": [of_standing(one) for one in room.register.standings()],
         "masters": [of_crew(one) for one in room.crews()]}
    )  # fmt: skip


@training.route("", methods=["POST"])
@role_required(Role.SUPERVISOR, Role.QA)
@training.arguments(TrainingSchema)
def record(form: dict[str, Any]) -> Response:
    """Record how a training ended; signed by the trainer, who is never the trained person."""
    who = acting(form)
    given = Trained(
        PersonId(form["person"]), _subject(form), form["result"], form["valid_until"], form.get("evidence")
    )  # fmt: skip
    standing = services().training.record(who.session, who.credentials, given, who.op)
    return answered({"training": of_standing(standing) if standing else None}, 201)


@training.route("/withdraw", methods=["POST"])
@role_required(Role.SUPERVISOR, Role.QA)
@training.arguments(SubjectSchema)
def withdraw(form: dict[str, Any]) -> Response:
    """Let a training count no longer, with a reason; it counts from the next act on."""
    who = acting(form)
    services().training.withdraw(who.session, PersonId(form["person"]), _subject(form), who.reason, who.op)
    return answered({})


def of_standing(one: Standing) -> dict[str, Any]:
    """Return a training as programs see it."""
    return {
        "person": one.person, "kind": one.subject.kind.value, "subject": one.subject.id,
        "version": one.subject.version, "result": one.result, "trainer": one.trainer,
        "recorded_at": one.recorded_at, "valid_until": one.valid_until,
    }  # fmt: skip


def of_crew(crew: Crew) -> dict[str, Any]:
    """Return who is trained on a master as programs see it."""
    return {
        "master": crew.subject.id, "version": crew.subject.version, "lacking": list(crew.lacking),
        "roles": [
            {"role": role, "needed": count, "trained": [one.name for one in crew.trained[role]],
             "untrained": [one.name for one in crew.untrained[role]]}
            for role, count in sorted(crew.needed.items())
        ],
    }  # fmt: skip


def _subject(form: dict[str, Any]) -> Subject:
    return Subject(form["kind"], form["subject"], form["version"])
