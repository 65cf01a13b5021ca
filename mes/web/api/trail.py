"""The audit trail for programs and forms: questions, copies, and the acts of its review."""

from typing import Any

from flask import Response, make_response
from marshmallow import fields, validate

from mes.people.model import Role
from mes.quality.trail.model import MOST_PER_PAGE, PAGE_SIZE, Risk, TrailQuery
from mes.quality.trail.search import FORMATS, READERS
from mes.quality.trail.tables import SORTS
from mes.web.api.answers import Acts, answered, of_batch
from mes.web.permission import current_session, role_required
from mes.web.schemas.acts import SHORT, ActSchema, Closed, acting
from mes.web.services import services

trail = Acts("trail", __name__, url_prefix="/api", description="Audit trail")
SUFFIX = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class ConditionsSchema(Closed):
    """What a question asks for; all conditions that are given must hold."""

    person = fields.String(validate=SHORT)
    role = fields.String(validate=SHORT)
    batch = fields.String(validate=SHORT)
    stream = fields.String(validate=SHORT)
    step = fields.String(validate=SHORT)
    item = fields.String(validate=SHORT)
    type = fields.String(validate=SHORT)
    risk = fields.String(validate=validate.OneOf([one.value for one in Risk]))
    reason = fields.String(validate=SHORT)
    since = fields.AwareDateTime()
    until = fields.AwareDateTime()
    sort = fields.String(load_default="index", validate=validate.OneOf(list(SORTS)))
    descending = fields.Boolean(load_default=True)


class QuestionSchema(ConditionsSchema):
    """One page of what a question finds."""

    page = fields.Integer(load_default=1, validate=validate.Range(1, 1_000_000))
    size = fields.Integer(load_default=PAGE_SIZE, validate=validate.Range(1, MOST_PER_PAGE))


class ExportSchema(ActSchema):
    """A copy of all that a question finds."""

    format = fields.String(required=True, validate=validate.OneOf(list(FORMATS)))
    filter = fields.Nested(ConditionsSchema, load_default=dict)


class ExamineSchema(ActSchema):
    """One entry that the reviewer opened, perhaps with a comment."""

    index = fields.Integer(required=True, strict=False)  # negative: of an earlier generation of the ledger
    comment = fields.String(validate=validate.Length(1, 2_000))


class DeferSchema(ActSchema):
    """Which stage of certification goes before the review."""

    stage = fields.String(required=True, validate=validate.OneOf(["preliminary", "final"]))


@trail.route("/trail")
@role_required(*READERS)
@trail.arguments(QuestionSchema, location="query")
def ask(query: dict[str, Any]) -> Response:
    """Return one page of the site's trail: who, what, when and why, with old and new values."""
    found = services().quality.search.page(TrailQuery(**query))
    return answered({"count": found.count, "page": found.page, "last": found.last, "lines": list(found.lines)})


@trail.route("/trail/exports", methods=["POST"])
@role_required(*READERS)
@trail.arguments(ExportSchema)
def export(form: dict[str, Any]) -> Response:
    """Take a copy of everything that a question finds, as CSV or JSON; the copy is an entry of its own."""
    who = acting(form)
    asked = TrailQuery(**{"sort": "index", "descending": True, **form["filter"]})
    made = services().quality.search.export(who, asked, form["format"])
    place = f"/api/trail/exports/{made.entry}"
    return answered(
        {"entry": made.entry, "format": made.format, "count": made.count, "digest": made.digest, "file": place},
        201, goto=place,
    )  # fmt: skip


@trail.route("/trail/exports/<int:index>")
@role_required(*READERS)
def exported(index: int) -> Response:
    """Download a copy that was taken, byte for byte as its entry's digest says."""
    made = services().quality.search.exported(index)
    response = make_response(made.body)
    response.headers["Content-Type"] = SUFFIX[made.format]
    response.headers["Content-Disposition"] = f'attachment; filename="trail-{made.entry}.{made.format}"'
    return response


@trail.route("/batches/<batch_id>/trail")
@role_required(*READERS)
def of_one_batch(batch_id: str) -> Response:
    """Return what the reviewer of a batch's trail has before them: the risky entries, and the rest counted."""
    state, review = services().recorder.load(batch_id), services().quality.trail
    found, person = review.trail(state), current_session().person.id
    return answered({
        "batch": batch_id, "up_to": found.up_to, "entries": len(found.entries),
        "counts": {risk.value: count for risk, count in found.counts.items()}, "rest": dict(found.rest),
        "reviewed_to": state.trail_reviewed_to, "unreviewed": list(review.unreviewed(state)),
        "findings": [
            {"index": one.entry.index, "type": one.entry.type, "risk": one.risk.value, "why": one.why,
             "critical": one.critical, "opened": person in state.trail_examined.get(one.entry.index, frozenset())}
            for one in found.findings
        ],
    })  # fmt: skip


@trail.route("/batches/<batch_id>/trail/examine", methods=["POST"])
@role_required(Role.QA, Role.QP)
@trail.arguments(ExamineSchema)
def examine(form: dict[str, Any], batch_id: str) -> Response:
    """Record that the reviewer opened an entry, perhaps with a comment."""
    return of_batch(services().quality.trail.examine(acting(form), batch_id, **form))


@trail.route("/batches/<batch_id>/trail/defer", methods=["POST"])
@role_required(Role.QA)
@trail.arguments(DeferSchema)
def defer(form: dict[str, Any], batch_id: str) -> Response:
    """Let the preliminary certification go before the review of the trail; QA, with reason and two factors."""
    return of_batch(services().quality.trail.defer(acting(form), batch_id, stage=form["stage"]))
