"""Steps that an act closes: what must have happened before they can be confirmed, and who closes them."""

from mes.batches import events as ev
from mes.batches.model import BatchState, StepState, StepStatus
from mes.errors import Refusal
from mes.ids import StepId
from mes.ledger.events import Event
from mes.masters.model import Act

CLOSED_BY_ACT = (Act.REVIEW, Act.CERTIFY_PRELIMINARY, Act.CERTIFY_FINAL)
"""Nobody confirms these: the signature of the act itself closes them."""


def missing_act(state: BatchState, step: StepState) -> str | None:
    """Return the refusal code that says which act of the step has not happened yet, None if nothing is missing."""
    match step.step.act:
        case Act.LABEL:
            return None if state.labels and state.labels_reconciled_by else "labels-not-reconciled"
        case Act.RESULTS:
            return None if _results_there(state) else "results-not-reviewed"
        case Act.HANDOVER:
            mine = [held for name, held in state.handovers.items() if name.startswith(f"{step.step.id}-")]
            return None if mine and all(held.taker for held in mine) else "handover-open"
        case Act.INFUSION:
            return None if state.infused_at else "infusion-not-recorded"
        case Act.REVIEW | Act.CERTIFY_PRELIMINARY | Act.CERTIFY_FINAL:
            return "step-closed-by-act"
        case _:
            return None


def _results_there(state: BatchState) -> bool:
    """All entered results are reviewed; once certified, at least one of them is newer than the certificate."""
    since = max(state.certified_seq.values(), default=-1)
    fresh = any(result.seq > since for result in state.results.values())
    return fresh and all(result.reviewer for result in state.results.values())


def step_of_act(state: BatchState, act: Act) -> StepState:
    """Return the step that an act closes; refuses `act-not-in-master` if the master has none."""
    found = next((step for step in state.steps.values() if step.step.act is act), None)
    if found is None:
        raise Refusal("act-not-in-master", act=act.value, master=state.master.id)
    return found


def may_close(state: BatchState, act: Act) -> StepState:
    """Return the step of the act if its predecessors are done; refuses `step-predecessors-open`."""
    step = step_of_act(state, act)
    before = state.open_predecessors(step.step.id)
    if before:
        raise Refusal("step-predecessors-open", step=step.step.id, open=", ".join(before))
    return step


def close_by_act(state: BatchState, act: Act) -> tuple[Event, ...]:
    """Return the events that start (if need be) and complete the step of an act; empty if it is done already."""
    step = may_close(state, act)
    if step.status is StepStatus.DONE:
        return ()
    begun: tuple[Event, ...] = (ev.StepStarted(step.step.id),) if step.status is StepStatus.PENDING else ()
    return (*begun, ev.StepCompleted(StepId(step.step.id)))
