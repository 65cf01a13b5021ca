"""Batch records: sealing, the job that builds them, and what can be downloaded."""

from typing import Any

from flask import Response, make_response, send_file

from mes.people.model import Role
from mes.records.jobs import Job
from mes.web.api.answers import Acts, answered
from mes.web.permission import by_itself, role_required, signed_in
from mes.web.schemas.acts import ActSchema, acting
from mes.web.services import services

records = Acts("records", __name__, url_prefix="/api", description="Batch records")
KEEPERS = (
    Role.QA, Role.QP, Role.SUPERVISOR, Role.QC_REVIEWER, Role.PHARMACIST, Role.AUDITOR, Role.CONTROL_SITE,
)  # fmt: skip


@records.route("/batches/<batch_id>/records", methods=["POST"])
@role_required(*KEEPERS)
@records.arguments(ActSchema)
def seal(form: dict[str, Any], batch_id: str) -> Response:
    """Seal the record of a batch and begin to build its PDF and bundle."""
    return _answered(services().records.start(acting(form), batch_id), 202)


@records.route("/records/<int:seal_index>/again", methods=["POST"])
@role_required(*KEEPERS)
@records.arguments(ActSchema)
def again(form: dict[str, Any], seal_index: int) -> Response:
    """Build the bundle of an earlier seal anew, byte for byte the same."""
    return _answered(services().records.export_again(acting(form), seal_index), 202)


@records.route("/jobs/<job_id>", methods=["GET"])
@by_itself
@signed_in
def job(job_id: str) -> Response:
    """Tell how far the building of a record is."""
    return _answered(services().records.job(job_id))


@records.route("/batches/<batch_id>/records", methods=["GET"])
@signed_in
def seals(batch_id: str) -> Response:
    """Return the seals of a batch, newest first."""
    rows = services().records.seals(batch_id)
    return answered({
        "seals": [{"seal": one.seal, "at": one.at, "by": one.by, "complete": one.complete} for one in rows]
    })  # fmt: skip


@records.route("/records/<int:seal_index>/bundle", methods=["GET"])
@signed_in
def bundle(seal_index: int) -> Response:
    """Download the bundle of a seal."""
    path = services().records.bundle(seal_index)
    return send_file(path, mimetype="application/zip", as_attachment=True, download_name=path.name)


@records.route("/records/<int:seal_index>/ebr.pdf", methods=["GET"])
@signed_in
def pdf(seal_index: int) -> Response:
    """Read the batch record as PDF."""
    response = make_response(services().records.pdf(seal_index))
    response.mimetype = "application/pdf"
    return response


def _answered(job: Job, status: int = 200) -> Response:
    document = {"job": job.id, "seal": job.seal, "batch": job.batch, "state": job.state.value, "detail": job.detail,
                "error": getattr(job.error, "code", None)}  # fmt: skip
    return answered(document, status)
