"""Readings: batches, the gate, live values and curves, and what runs at the site."""

from datetime import datetime, timedelta
from typing import Any

from flask import Response, make_response
from marshmallow import fields, validate

from mes.batches.model import BatchState, Binding
from mes.batches.tables import batches as listed_batches
from mes.batches.tables import orders as listed_orders
from mes.equipment.ports import DrainedReading
from mes.people.model import Person, Role
from mes.web.api.answers import Acts, answered
from mes.web.documents import of_row, of_state
from mes.web.errors import sentence
from mes.web.permission import by_itself, current_session, public, signed_in
from mes.web.schemas.acts import Closed
from mes.web.services import services

reading = Acts("reading", __name__, url_prefix="/api", description="Reading")
STAGE = fields.String(load_default="preliminary", validate=validate.OneOf(["preliminary", "final"]))


class StageSchema(Closed):
    """Which stage of certification the gate is asked for."""

    stage = STAGE


class SeriesSchema(Closed):
    """Which curve, how fine, and over how many hours back (all of the run if left out)."""

    tag = fields.String(required=True, validate=validate.Length(1, 80))
    points = fields.Integer(load_default=600, validate=validate.Range(3, 5000))
    hours = fields.Integer(validate=validate.Range(1, 24 * 30))


@reading.route("/status")
@by_itself
@public
def status() -> Response:
    """Tell what runs: record time, virtual factor, how far journal and drain are, version."""
    return answered(dict(services().status()))


@reading.route("/batches")
@signed_in
def batches() -> Response:
    """Return the batches of the site, the most urgent first."""
    with services().ledger.read() as connection:
        rows = listed_batches(connection, services().ledger.site)
    return answered({"batches": [of_row(row) for row in rows]})


@reading.route("/orders")
@signed_in
def orders() -> Response:
    """Return the orders of the site, those without a batch first."""
    with services().ledger.read() as connection:
        rows = listed_orders(connection, services().ledger.site)
    return answered({"orders": list(rows)})


@reading.route("/batches/<batch_id>")
@signed_in
def batch(batch_id: str) -> Response:
    """Return a batch as it stands."""
    return answered(of_state(services().recorder.load(batch_id)))


@reading.route("/batches/<batch_id>/position")
@by_itself
@signed_in
def position(batch_id: str) -> Response:
    """Return how many entries the batch has, for a page that waits for the device."""
    return answered({"next_seq": services().recorder.load(batch_id).next_seq})


@reading.route("/batches/<batch_id>/gate")
@signed_in
@reading.arguments(StageSchema, location="query")
def gate(query: dict[str, Any], batch_id: str) -> Response:
    """Return every item of the release gate for a stage, judged for the signed-in person if they are a QP."""
    items = services().quality.gate(batch_id, stage=query["stage"], certifier=certifier())
    return answered({"stage": query["stage"], "items": list(items)})


@reading.route("/batches/<batch_id>/panel")
@signed_in
def panel(batch_id: str) -> Response:
    """Return the results held against the specification."""
    return answered({"rows": list(services().quality.panel(batch_id))})


@reading.route("/batches/<batch_id>/codes")
@signed_in
def codes(batch_id: str) -> Response:
    """Return the scannable codes of a batch, for printing; never a wristband's."""
    return answered({"codes": services().custody.codes(batch_id)})


@reading.route("/batches/<batch_id>/labels/<serial>.svg")
@signed_in
def label(batch_id: str, serial: str) -> Response:
    """Return the Data Matrix of a label as picture."""
    response = make_response(services().custody.label(batch_id, serial).svg)
    response.mimetype = "image/svg+xml"
    return response


@reading.route("/batches/<batch_id>/live")
@by_itself
@signed_in
def live(batch_id: str) -> Response:
    """Return the newest value of every signal of the device that the batch holds."""
    state = services().recorder.load(batch_id)
    found = live_readings(state)
    return answered({
        "equipment": state.equipment, "link": link_of(state),
        "readings": [{"tag": one.tag, "value": one.text, "unit": one.unit, "good": one.good, "at": one.source_at}
                     for one in found.values()],
    })  # fmt: skip


@reading.route("/batches/<batch_id>/series")
@by_itself
@signed_in
@reading.arguments(SeriesSchema, location="query")
def series(query: dict[str, Any], batch_id: str) -> Response:
    """Return the curve of a signal in the run of the batch."""
    state, now = services().recorder.load(batch_id), services().clock.now()
    since = now - timedelta(hours=query["hours"]) if "hours" in query else state.created_at
    return answered(curve(state, query["tag"], max(since, state.created_at), now, query["points"]))


def live_readings(state: BatchState) -> dict[str, DrainedReading]:
    """Return the newest readings of the device that the batch holds; nothing once it was given back."""
    if state.equipment is None or state.run_released_at is not None:
        return {}
    return services().telemetry.latest(state.equipment)


def link_of(state: BatchState) -> dict[str, str] | None:
    """Return what is wrong with the link to the batch's device, in a sentence; None if nothing is, or none is held."""
    if state.equipment is None or state.run_released_at is not None or state.binding is Binding.MANUAL:
        return None
    notice = services().telemetry.notice(state.equipment)
    if notice is None:
        return None
    facts = {"device": state.equipment, "detail": notice.detail}
    return {
        "state": notice.state.value,
        "code": notice.code,
        "text": sentence(notice.code, facts),
        "detail": notice.detail,
    }


def curve(state: BatchState, tag: str, since: datetime, until: datetime, points: int) -> dict[str, Any]:
    """Return one curve as programs and charts take it; empty before the batch has a run."""
    if state.run is None:
        return {"tag": tag, "unit": "", "times": [], "values": [], "count": 0}
    found = services().telemetry.series(state.run, tag, since, until, points)
    return {"tag": tag, "unit": found.unit, "times": found.times, "values": found.values, "count": found.count}


def certifier() -> Person | None:
    """Return the signed-in person if they are a Qualified Person."""
    person = current_session().person
    return person if Role.QP in person.roles else None
