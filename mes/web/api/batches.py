"""Acts on orders and whole batches: ordering, accepting, holding, reporting, assessing."""

from typing import Any

from flask import Response

from mes.batches.decide.orders import OrderRequest
from mes.batches.service.orders import Acceptance
from mes.people.model import Role
from mes.units import Measure
from mes.web.api.answers import Acts, answered, of_batch
from mes.web.permission import role_required, signed_in
from mes.web.schemas.acts import ActSchema, acting
from mes.web.schemas.batches import AcceptSchema, AssessSchema, OrderSchema, ReportSchema
from mes.web.services import services

batches = Acts("batches", __name__, url_prefix="/api", description="Orders and batches")


@batches.route("/orders", methods=["POST"])
@role_required(Role.CLINICIAN)
@batches.arguments(OrderSchema)
def place_order(form: dict[str, Any]) -> Response:
    """Order a product for a patient of the vault; signed."""
    request = OrderRequest(
        product=form["product"], patient=form["patient"],
        wristband=services().patients.wristband_digest(form["wristband"]),
        weight=Measure.of(**form["weight"]), dose=Measure.of(**form["dose"]),
    )  # fmt: skip
    order = form["order"]
    return answered({"order": services().orders.place(acting(form), order, request)}, 201, goto="/orders")


@batches.route("/orders/<order_id>/accept", methods=["POST"])
@role_required(Role.QA)
@batches.arguments(AcceptSchema)
def accept_order(form: dict[str, Any], order_id: str) -> Response:
    """Open a batch for an order; signed by QA."""
    how = Acceptance(form["batch"], form["master"], form["version"], form["binding"], services().simulated_device)
    return of_batch(services().orders.accept(acting(form), order_id, how))


@batches.route("/batches/<batch_id>/hold", methods=["POST"])
@signed_in
@batches.arguments(ActSchema)
def hold(form: dict[str, Any], batch_id: str) -> Response:
    """Stop new steps of a batch, with a reason."""
    return of_batch(services().problems.hold(acting(form), batch_id))


@batches.route("/batches/<batch_id>/resume", methods=["POST"])
@role_required(Role.QA)
@batches.arguments(ActSchema)
def resume(form: dict[str, Any], batch_id: str) -> Response:
    """Let a held batch go on, with a reason; signed."""
    return of_batch(services().problems.resume(acting(form), batch_id))


@batches.route("/batches/<batch_id>/report", methods=["POST"])
@signed_in
@batches.arguments(ReportSchema)
def report(form: dict[str, Any], batch_id: str) -> Response:
    """Record what happened, allowed or not."""
    who = acting(form)
    return of_batch(services().problems.report(who, batch_id, **form))


@batches.route("/batches/<batch_id>/exceptions/<exception_id>/assess", methods=["POST"])
@signed_in
@batches.arguments(AssessSchema)
def assess_exception(form: dict[str, Any], batch_id: str, exception_id: str) -> Response:
    """Assess an exception; signed."""
    return of_batch(services().problems.assess_exception(acting(form), batch_id, exception_id, form["text"]))


@batches.route("/batches/<batch_id>/exceptions/<exception_id>/deviation", methods=["POST"])
@signed_in
@batches.arguments(ActSchema)
def raise_deviation(form: dict[str, Any], batch_id: str, exception_id: str) -> Response:
    """Open a deviation on an exception; signed."""
    return of_batch(services().problems.raise_deviation(acting(form), batch_id, exception_id))


@batches.route("/batches/<batch_id>/deviations/<deviation_id>/assess", methods=["POST"])
@signed_in
@batches.arguments(AssessSchema)
def assess_deviation(form: dict[str, Any], batch_id: str, deviation_id: str) -> Response:
    """Assess the impact of a deviation; signed."""
    return of_batch(services().problems.assess_deviation(acting(form), batch_id, deviation_id, form["text"]))


@batches.route("/batches/<batch_id>/deviations/<deviation_id>/approve", methods=["POST"])
@role_required(Role.QA)
@batches.arguments(ActSchema)
def approve_deviation(form: dict[str, Any], batch_id: str, deviation_id: str) -> Response:
    """Approve an assessed deviation; signed by QA."""
    return of_batch(services().problems.approve_deviation(acting(form), batch_id, deviation_id))
