"""Acts of identity and custody: donation, container, labels, handovers, bedside, infusion."""

from typing import Any

from flask import Response

from mes.people.model import Role
from mes.web.api.answers import Acts, of_batch
from mes.web.permission import role_required, signed_in
from mes.web.schemas.acts import acting
from mes.web.schemas.quality import (
    BedsideSchema,
    ContainerSchema,
    DonationSchema,
    FillSchema,
    HandOverSchema,
    InfusedSchema,
    IssueGoSchema,
    LabelsSchema,
    ReconcileSchema,
    TakeOverSchema,
)
from mes.web.services import services

custody = Acts("custody", __name__, url_prefix="/api/batches/<batch_id>", description="Acts of identity and custody")


@custody.route("/donation", methods=["POST"])
@signed_in
@custody.arguments(DonationSchema)
def identify_donation(form: dict[str, Any], batch_id: str) -> Response:
    """Bind the donation number of the collected bag."""
    return of_batch(services().custody.identify_donation(acting(form), batch_id, code=form["code"]))


@custody.route("/container", methods=["POST"])
@signed_in
@custody.arguments(FillSchema)
def fill_container(form: dict[str, Any], batch_id: str) -> Response:
    """Record the product bag and where every millilitre went."""
    who = acting(form)
    return of_batch(services().custody.fill_container(who, batch_id, **form))


@custody.route("/labels", methods=["POST"])
@signed_in
@custody.arguments(LabelsSchema)
def issue_labels(form: dict[str, Any], batch_id: str) -> Response:
    """Issue labels for a container; signed."""
    who = acting(form)
    return of_batch(services().custody.issue_labels(who, batch_id, **form))


@custody.route("/labels/reconcile", methods=["POST"])
@signed_in
@custody.arguments(ReconcileSchema)
def reconcile_labels(form: dict[str, Any], batch_id: str) -> Response:
    """Account for every label as another person; signed."""
    who = acting(form)
    listed = {name: tuple(form[name]) for name in ("used", "destroyed", "missing")}
    return of_batch(services().custody.reconcile_labels(who, batch_id, **listed, search=form.get("search")))


@custody.route("/hand-over", methods=["POST"])
@signed_in
@custody.arguments(HandOverSchema)
def hand_over(form: dict[str, Any], batch_id: str) -> Response:
    """Hand a container over; signed."""
    who = acting(form)
    return of_batch(services().custody.hand_over(who, batch_id, **form))


@custody.route("/take-over", methods=["POST"])
@signed_in
@custody.arguments(TakeOverSchema)
def take_over(form: dict[str, Any], batch_id: str) -> Response:
    """Take a container over as another person; signed."""
    who = acting(form)
    return of_batch(services().custody.take_over(who, batch_id, **form))


@custody.route("/issue-go", methods=["POST"])
@role_required(Role.CLINICIAN)
@custody.arguments(IssueGoSchema)
def give_issue_go(form: dict[str, Any], batch_id: str) -> Response:
    """Say that the patient is ready; signed by a clinician."""
    who = acting(form)
    checks = tuple(form["checks"])
    return of_batch(services().custody.give_issue_go(who, batch_id, container=form["container"], checks=checks))


@custody.route("/bedside", methods=["POST"])
@signed_in
@custody.arguments(BedsideSchema)
def check_bedside(form: dict[str, Any], batch_id: str) -> Response:
    """Compare wristband and bag, as one of two people; signed."""
    who = acting(form)
    return of_batch(services().custody.check_bedside(who, batch_id, wristband=form["wristband"], bag=form["bag"]))


@custody.route("/infusion/start", methods=["POST"])
@role_required(Role.CLINICIAN)
@custody.arguments(ContainerSchema)
def start_infusion(form: dict[str, Any], batch_id: str) -> Response:
    """Start the infusion; signed by a clinician."""
    return of_batch(services().custody.start_infusion(acting(form), batch_id, container=form["container"]))


@custody.route("/infusion/end", methods=["POST"])
@role_required(Role.CLINICIAN)
@custody.arguments(InfusedSchema)
def end_infusion(form: dict[str, Any], batch_id: str) -> Response:
    """Record how the infusion ended; signed by a clinician."""
    who = acting(form)
    return of_batch(services().custody.end_infusion(who, batch_id, **form))
