"""The operator's pages: the list of batches, a batch, and the step in hand."""

from collections import Counter
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template
from werkzeug import Response

from mes.batches.decide import glass
from mes.batches.decide.problems import TESTIMONY
from mes.batches.decide.windows import closes_at, opens_at
from mes.batches.model import BatchState, Binding, StepState, StepStatus
from mes.batches.tables import batches as listed
from mes.custody import ISSUE_CHECKS, OUTCOMES
from mes.masters.model import Parameter, Source
from mes.people.model import Role
from mes.schedule.notices import notices
from mes.web.api.reading import link_of, live_readings
from mes.web.documents import bounds
from mes.web.operator.step_screen import next_of, window_of
from mes.web.permission import by_itself, current_session, signed_in
from mes.web.services import services
from mes.web.vein import vein

operator = Blueprint("operator", __name__)
CHARTED = ("culture.temperature", "culture.co2", "culture.volume", "process.line_pressure")
SHOWN_TAGS = (
    "unit.state", "culture.temperature", "culture.co2", "culture.volume", "process.line_pressure",
    "process.pump_flow", "process.centrifuge_speed", "supply.air_pressure",
)  # fmt: skip


@operator.route("/")
@signed_in
def home() -> Response:
    """Go to the list of batches."""
    return redirect("/batches")


@operator.route("/batches")
@signed_in
def batches() -> str:
    """List the batches with the time they have left."""
    with services().ledger.read() as connection:
        rows = listed(connection, services().ledger.site)
    now = services().clock.now()
    states = [services().recorder.load(row.batch) for row in rows]
    lines = [(state, vein(state, now), _doing(state)) for state in states]
    alone = [(state, one) for state in states for one in glass.unassessed_glass(state)]
    return render_template("batches.html", lines=lines, now=now, alone=alone)


@operator.route("/batches/<batch_id>")
@signed_in
def batch(batch_id: str) -> str:
    """Show where a batch stands: clock, notices, problems, and every step."""
    state, now = services().recorder.load(batch_id), services().clock.now()
    rows = [(one, opens_at(state, one.step), closes_at(state, one.step)) for one in state.steps.values()]
    counted = Counter(one.status for one in state.steps.values())
    return render_template(
        "batch.html", state=state, vein=vein(state, now), notices=notices(state, now), rows=rows, now=now,
        nexts=[(one, next_of(state, one, now)) for one in state.next_steps()],
        done=counted[StepStatus.DONE] + counted[StepStatus.SKIPPED], testimony=TESTIMONY,
    )  # fmt: skip


@operator.route("/batches/<batch_id>/codes")
@signed_in
def codes(batch_id: str) -> str:
    """Show the scannable codes of a batch for printing; never a wristband's."""
    state = services().recorder.load(batch_id)
    found = services().custody.codes(batch_id)
    return render_template("codes.html", state=state, codes=found, vein=vein(state, services().clock.now()))


@operator.route("/batches/<batch_id>/steps/<step_id>")
@signed_in
def step(batch_id: str, step_id: str) -> str:
    """Show one step with the one thing to do next."""
    state, now = services().recorder.load(batch_id), services().clock.now()
    one, readings = state.step(step_id), live_readings(state)
    return render_template(
        "step.html", state=state, one=one, now=now, vein=vein(state, now), live=_live(state, readings),
        link=link_of(state),
        next=next_of(state, one, now), glass_offered=_may_go_alone(state, one),
        window=window_of(state, one, now), person=current_session().person,
        fields=[_field(parameter, readings) for parameter in one.step.parameters],
        charts=_charts(state, one), checks=ISSUE_CHECKS, outcomes=OUTCOMES,
        devices=services().equipment.devices() if one.step.program else (),
        panel=services().quality.panel(batch_id) if one.step.act.value == "results" else (),
        expiry=(now + timedelta(days=365)).isoformat(timespec="seconds"),
    )  # fmt: skip


@operator.route("/batches/<batch_id>/live")
@by_itself
@signed_in
def live(batch_id: str) -> str:
    """Show the newest device values; the step page asks for this again and again."""
    state = services().recorder.load(batch_id)
    return render_template("live.html", state=state, live=_live(state, live_readings(state)), link=link_of(state))


def _may_go_alone(state: BatchState, one: StepState) -> bool:
    """Say whether the signed-in person is offered break-glass on this step."""
    roles = {role.value for role in current_session().person.roles}
    return glass.may_break(state, one) and bool(roles & {one.step.signatures.performed, Role.SUPERVISOR.value})


def _doing(state: BatchState) -> str:
    under_way = [one.step for one in state.next_steps() if one.status is not StepStatus.PENDING]
    waiting = [one.step for one in state.next_steps()]
    told = (under_way or waiting)[:2]
    return ", ".join(f"{one.id} {one.title}" for one in told)


def _field(parameter: Parameter, readings: dict[str, Any]) -> tuple[Parameter, str | None]:
    reading = readings.get(parameter.tag or "")
    wanted = parameter.source is Source.DEVICE and reading is not None and reading.good
    return parameter, reading.text if wanted and reading is not None else None


def _live(state: BatchState, readings: dict[str, Any]) -> list[dict[str, Any]]:
    now = services().clock.now()
    watched = state.excursions
    return [
        {"tag": tag, "label": LABELS.get(tag, tag), "value": readings[tag].text, "unit": readings[tag].unit,
         "good": readings[tag].good, "out": any(name.startswith(tag) for name in watched),
         "age_s": (now - readings[tag].source_at).total_seconds()}
        for tag in SHOWN_TAGS if tag in readings
    ]  # fmt: skip


LABELS = {
    "unit.state": "Device", "culture.temperature": "Temperature", "culture.co2": "CO₂", "culture.volume": "Volume",
    "process.line_pressure": "Line pressure", "process.pump_flow": "Pump flow",
    "process.centrifuge_speed": "Centrifuge", "supply.air_pressure": "Air supply",
}  # fmt: skip


def _charts(state: BatchState, one: StepState) -> list[dict[str, Any]]:
    followed = state.run is not None and state.run_released_at is None and state.binding is Binding.OPCUA
    if not followed or not one.is_open:
        return []
    holders = [found.step for found in state.steps.values() if found.started_at is not None]
    watched = {limit.tag for step in (one.step, *holders) for limit in step.monitored}
    tags = [tag for tag in CHARTED if tag in watched or one.step.program][:2]
    return [{"tag": tag, "label": LABELS[tag], "bounds": _bounds(tag, [one.step, *holders])} for tag in tags]


def _bounds(tag: str, steps: list[Any]) -> tuple[float | None, float | None]:
    found = [bounds(step, tag) for step in steps]
    lows, highs = [low for low, _ in found if low is not None], [high for _, high in found if high is not None]
    return min(lows, default=None), max(highs, default=None)
