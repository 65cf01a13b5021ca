"""The release screen: what stands against release first, the gate, the results, and the acts of QA and QP."""

from flask import Blueprint, render_template, request

from mes.batches.model import BatchState
from mes.quality import CONFIRMATIONS, REVIEWS
from mes.quality.gate.model import TO_ACKNOWLEDGE, GateStatus
from mes.web.api.reading import certifier
from mes.web.permission import current_session, signed_in
from mes.web.services import services
from mes.web.vein import vein

release = Blueprint("release", __name__)
ICONS = {
    GateStatus.MET: "✓", GateStatus.NOT_MET: "✕", GateStatus.COVERED: "◐", GateStatus.NOT_MONITORED: "○",
    GateStatus.AT_SIGNING: "✎",
}  # fmt: skip


@release.route("/batches/<batch_id>/release")
@signed_in
def gate(batch_id: str) -> str:
    """Show the gate of a stage with the next action for each item."""
    state, now = services().recorder.load(batch_id), services().clock.now()
    stage = "final" if _asked() == "final" or (not _asked() and "preliminary" in state.certificates) else "preliminary"
    items = services().quality.gate(batch_id, stage=stage, certifier=certifier())
    return render_template(
        "release.html", state=state, vein=vein(state, now), now=now, stage=stage, items=items, icons=ICONS,
        panel=services().quality.panel(batch_id), confirmations=CONFIRMATIONS, reviews=REVIEWS,
        to_acknowledge=[item for item in items if item.status in TO_ACKNOWLEDGE], person=current_session().person,
        against=sum(item.status is GateStatus.NOT_MET for item in items), open_exceptions=open_exceptions(state),
    )  # fmt: skip


def open_exceptions(state: BatchState) -> int:
    """Return how many exceptions nobody has assessed yet."""
    return sum(one.assessed_by is None for one in state.exceptions.values())


def _asked() -> str:
    return request.args.get("stage", "")
