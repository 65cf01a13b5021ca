"""The door to the patient vault: nothing of it enters the ledger but that somebody looked."""

from typing import Any

from flask import Response

from mes.ids import Op
from mes.people.model import Role
from mes.web.api.answers import Acts, answered
from mes.web.permission import current_session, role_required, signed_in
from mes.web.schemas.site import PatientSchema, RevealSchema
from mes.web.services import services

patients = Acts("patients", __name__, url_prefix="/api/patients", description="The patient vault")


@patients.route("", methods=["POST"])
@role_required(Role.CLINICIAN, Role.COLLECTION_NURSE, Role.PHARMACIST)
@patients.arguments(PatientSchema)
def enrol(form: dict[str, Any]) -> Response:
    """Keep a patient in the vault."""
    patient = services().patients.enrol(
        current_session(), Op(str(form["op"])), name=form["name"], birth_date=form["birth_date"].isoformat(),
        hospital_number=form["hospital_number"], wristband=form["wristband"],
    )  # fmt: skip
    product = next((row["product"] for row in services().masters.masters() if row["approver"]), "")
    return answered({"patient": patient}, 201, page="order_form.html", wristband=form["wristband"], product=product)


@patients.route("/<patient_id>/reveal", methods=["POST"])
@signed_in
@patients.arguments(RevealSchema)
def reveal(form: dict[str, Any], patient_id: str) -> Response:
    """Tell who a patient is, for a stated purpose; the look is recorded first."""
    shown = services().patients.reveal(current_session(), Op(str(form["op"])), patient_id, form["purpose"])
    document = {"patient": shown.patient, "name": shown.name, "birth_date": shown.birth_date.isoformat(),
                "hospital_number": shown.hospital_number}  # fmt: skip
    return answered(document, page="revealed.html")
