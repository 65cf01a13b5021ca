"""Acts on the steps of a batch."""

from typing import Any

from flask import Response

from mes.batches.decide.values import GivenValue
from mes.batches.model import MaterialUse
from mes.people.model import Role
from mes.web.api.answers import Acts, of_batch
from mes.web.permission import role_required, signed_in
from mes.web.schemas.acts import ActSchema, acting
from mes.web.schemas.batches import (
    AttestSchema,
    CorrectSchema,
    LotsSchema,
    ScanSchema,
    StartSchema,
    ValuesSchema,
)
from mes.web.services import services

steps = Acts("steps", __name__, url_prefix="/api/batches/<batch_id>/steps/<step_id>", description="Acts on steps")


@steps.route("/start", methods=["POST"])
@signed_in
@steps.arguments(StartSchema)
def start(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Start a step."""
    return of_batch(services().steps.start(acting(form), batch_id, step_id, form.get("equipment")))


@steps.route("/scan", methods=["POST"])
@signed_in
@steps.arguments(ScanSchema)
def scan(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Record a scanned code."""
    state = services().steps.scan(acting(form), batch_id, step_id, form["scan"], form["code"])
    return of_batch(state, page="matched.html")


@steps.route("/materials", methods=["POST"])
@signed_in
@steps.arguments(LotsSchema)
def materials(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Record the lots used."""
    uses = tuple(MaterialUse(lot["material"], lot["lot"], lot["expiry"]) for lot in form["lots"])
    return of_batch(services().steps.use_materials(acting(form), batch_id, step_id, uses))


@steps.route("/perform", methods=["POST"])
@signed_in
@steps.arguments(ValuesSchema)
def perform(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Confirm a step's values; signed."""
    given = tuple(GivenValue(**value) for value in form["values"])
    return of_batch(services().steps.perform(acting(form), batch_id, step_id, given))


@steps.route("/verify", methods=["POST"])
@signed_in
@steps.arguments(ActSchema)
def verify(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Verify a step as another person; signed."""
    return of_batch(services().steps.verify(acting(form), batch_id, step_id))


@steps.route("/break-glass", methods=["POST"])
@role_required(Role.OPERATOR, Role.COLLECTION_NURSE, Role.CLINICIAN, Role.COURIER, Role.SUPERVISOR)
@steps.arguments(ActSchema)
def break_glass(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Go on although the verifier is absent, with a reason; signed with two factors."""
    return of_batch(services().steps.break_glass(acting(form), batch_id, step_id))


@steps.route("/attest", methods=["POST"])
@signed_in
@steps.arguments(AttestSchema)
def attest(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Give a further signature on a step."""
    return of_batch(services().steps.attest(acting(form), batch_id, step_id, form["meaning"]))


@steps.route("/skip", methods=["POST"])
@signed_in
@steps.arguments(ActSchema)
def skip(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Leave out an optional step, with a reason; signed."""
    return of_batch(services().steps.skip(acting(form), batch_id, step_id))


@steps.route("/program", methods=["POST"])
@signed_in
@steps.arguments(ActSchema)
def program(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Ask the device once more to run the step's program."""
    return of_batch(services().steps.request_program(acting(form), batch_id, step_id))


@steps.route("/confirm-program", methods=["POST"])
@signed_in
@steps.arguments(ActSchema)
def confirm_program(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Confirm that the device finished the program, where no device is bound."""
    return of_batch(services().steps.confirm_program(acting(form), batch_id, step_id))


@steps.route("/correct", methods=["POST"])
@signed_in
@steps.arguments(CorrectSchema)
def correct(form: dict[str, Any], batch_id: str, step_id: str) -> Response:
    """Correct a recorded value, with a reason; signed."""
    return of_batch(services().corrections.correct(acting(form), batch_id, step_id, GivenValue(**form["value"])))
