"""Acts of quality: results, reviews, certificates, release."""

from typing import Any

from flask import Response

from mes.people.model import Role
from mes.web.api.answers import Acts, of_batch
from mes.web.permission import role_required, signed_in
from mes.web.schemas.acts import ActSchema, acting
from mes.web.schemas.quality import CertifySchema, ItemSchema, RefuseSchema, ResultSchema, ReviewSchema
from mes.web.services import services

quality = Acts("quality", __name__, url_prefix="/api/batches/<batch_id>", description="Acts of quality")


@quality.route("/results", methods=["POST"])
@role_required(Role.QC_ANALYST)
@quality.arguments(ResultSchema)
def enter_result(form: dict[str, Any], batch_id: str) -> Response:
    """Enter a result as measured; signed."""
    who = acting(form)
    return of_batch(services().quality.enter_result(who, batch_id, **form))


@quality.route("/results/review", methods=["POST"])
@role_required(Role.QC_REVIEWER)
@quality.arguments(ItemSchema)
def review_result(form: dict[str, Any], batch_id: str) -> Response:
    """Approve a result as another person; signed."""
    return of_batch(services().quality.review_result(acting(form), batch_id, item=form["item"]))


@quality.route("/reviews", methods=["POST"])
@signed_in
@quality.arguments(ReviewSchema)
def review(form: dict[str, Any], batch_id: str) -> Response:
    """Sign a review of the record."""
    return of_batch(services().quality.review(acting(form), batch_id, kind=form["kind"]))


@quality.route("/certify", methods=["POST"])
@role_required(Role.QP)
@quality.arguments(CertifySchema)
def certify(form: dict[str, Any], batch_id: str) -> Response:
    """Certify the batch, preliminary or final; signed by a Qualified Person with two factors."""
    who, stage = acting(form), form["stage"]
    act = services().quality.certify_final if stage == "final" else services().quality.certify_preliminary
    confirmations, acknowledged = tuple(form["confirmations"]), tuple(form["acknowledged"])
    return of_batch(act(who, batch_id, confirmations=confirmations, acknowledged=acknowledged))


@quality.route("/refuse", methods=["POST"])
@role_required(Role.QP)
@quality.arguments(RefuseSchema)
def refuse(form: dict[str, Any], batch_id: str) -> Response:
    """Refuse certification, with a reason; signed by a Qualified Person with two factors."""
    return of_batch(services().quality.refuse_certification(acting(form), batch_id, stage=form["stage"]))


@quality.route("/release", methods=["POST"])
@role_required(Role.QA, Role.QP)
@quality.arguments(ActSchema)
def release(form: dict[str, Any], batch_id: str) -> Response:
    """Give the certified product the status released; signed with two factors."""
    return of_batch(services().quality.assign_release(acting(form), batch_id))
