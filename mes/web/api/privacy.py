"""Data protection: requests for erasure, their second decision, and removal of detachable content."""

from typing import Any

from flask import Response

from mes.errors import Refusal
from mes.identity.model import PatientStanding
from mes.ids import stream
from mes.people.model import Role
from mes.signatures.meanings import Meaning
from mes.web.api.access import ceremony
from mes.web.api.answers import Acts, answered
from mes.web.permission import role_required
from mes.web.schemas.acts import acting
from mes.web.schemas.privacy import ContentRemovalSchema, ErasureSchema, ForgetSchema
from mes.web.services import services

privacy = Acts("privacy", __name__, url_prefix="/api", description="Requests of data protection")


@privacy.route("/patients")
@role_required(Role.QA)
def standings() -> Response:
    """Return everybody in the vault by id, without names, and how far their data protection has come."""
    rows = services().erasure.patients()
    return answered(
        {"patients": [{"patient": who, **of_standing(state), "kept_until": until} for who, state, until in rows]}
    )


@privacy.route("/patients/<patient_id>/erasure", methods=["POST"])
@role_required(Role.QA)
@privacy.arguments(ErasureSchema)
def request_erasure(form: dict[str, Any], patient_id: str) -> Response:
    """Record a request for erasure; while the law demands the data, it is refused and the patient restricted."""
    ground, act = form.pop("ground"), acting(form)
    standing = services().erasure.request(
        act.session, act.op, patient_id, ground=ground, reason=act.reason, sign=ceremony(act, Meaning.CHANGE_REQUESTED)
    )
    return answered({"patient": patient_id, **of_standing(standing)})


@privacy.route("/patients/<patient_id>/forget", methods=["POST"])
@role_required(Role.QA)
@privacy.arguments(ForgetSchema)
def forget(form: dict[str, Any], patient_id: str) -> Response:
    """Destroy the patient's data key: decided by a second person of QA with two factors."""
    act = acting(form)
    standing = services().erasure.forget(
        act.session, act.op, patient_id, reason=act.reason, sign=ceremony(act, Meaning.CHANGE_APPROVED)
    )
    return answered({"patient": patient_id, **of_standing(standing)})


@privacy.route("/batches/<batch_id>/contents")
@role_required(Role.QA, Role.QP, Role.AUDITOR)
def contents(batch_id: str) -> Response:
    """Return the detachable content of a batch: where it belongs and whether it is there; never what it says."""
    where = stream("batch", services().recorder.load(batch_id).batch)
    desk = services().contents
    rows = [
        {"content": one.digest, "bytes": one.size, "media": one.media, "entry": one.entry.index,
         "type": one.entry.type, "removed_by": one.removed_by}
        for one in desk.listed(where)
    ]  # fmt: skip
    return answered({"batch": batch_id, "kept_until": desk.kept_until(where), "contents": rows})


@privacy.route("/batches/<batch_id>/contents/remove", methods=["POST"])
@role_required(Role.QA)
@privacy.arguments(ContentRemovalSchema)
def remove(form: dict[str, Any], batch_id: str) -> Response:
    """Remove content with a legal ground, signed with two factors; built copies that show it go as well."""
    digest, ground, act = form.pop("content"), form.pop("ground"), acting(form)
    where = stream("batch", services().recorder.load(batch_id).batch)
    entry = services().contents.remove(
        act.session,
        act.op,
        where,
        digest,
        ground=ground,
        reason=act.reason,
        sign=ceremony(act, Meaning.CHANGE_APPROVED),
    )
    return answered({"content": digest, "removed_by": entry.index, "copies_deleted": _copies(batch_id)})


def of_standing(standing: PatientStanding) -> dict[str, Any]:
    """Return a standing as programs see it."""
    state = "forgotten" if standing.forgotten else "asked" if standing.requester else "kept"
    return {"state": state, "restricted": standing.restricted, "requester": standing.requester,
            "ground": standing.ground, "refused_until": standing.refused_until}  # fmt: skip


def _copies(batch_id: str) -> list[int]:
    """Ask for every built copy of the batch's record: one that shows removed content deletes itself and says so."""
    room, gone = services().records, []
    for row in room.seals(batch_id):
        try:
            room.bundle(row.seal)
        except Refusal as refused:
            if refused.code == "record-content-removed":
                gone.append(row.seal)
    return gone
