"""Who took which part in a batch, so that nobody later certifies or reviews their own work."""

from collections.abc import Mapping

from mes.batches import events as ev
from mes.batches.fold.fact import Fact
from mes.batches.model import BatchState
from mes.ids import StepId
from mes.ledger.events import Event
from mes.masters.model import Act

EXECUTED, VERIFIED, ANALYSED, ATTESTED, CUSTODY = "executed", "verified", "analysed", "attested", "custody"
CLOSED_BY_QUALITY = (Act.REVIEW, Act.CERTIFY_PRELIMINARY, Act.CERTIFY_FINAL)

PARTS: Mapping[type[Event], str] = {
    ev.StepStarted: EXECUTED,
    ev.StepPerformed: EXECUTED,
    ev.StepSkipped: EXECUTED,
    ev.MaterialUsed: EXECUTED,
    ev.ScanMatched: EXECUTED,
    ev.ScanMismatched: EXECUTED,
    ev.ProgramCompleted: EXECUTED,
    ev.ValueCorrected: EXECUTED,
    ev.DonationIdentified: EXECUTED,
    ev.ContainerFilled: EXECUTED,
    ev.LabelIssued: EXECUTED,
    ev.StepVerified: VERIFIED,
    ev.LabelsReconciled: VERIFIED,
    ev.ResultReviewed: VERIFIED,
    ev.ResultEntered: ANALYSED,
    ev.StepAttested: ATTESTED,
    ev.CustodyHandedOver: CUSTODY,
    ev.CustodyTakenOver: CUSTODY,
    ev.IssueGoGiven: CUSTODY,
    ev.BedsideChecked: CUSTODY,
    ev.InfusionStarted: CUSTODY,
    ev.Infused: CUSTODY,
}


def with_part(state: BatchState, fact: Fact) -> Mapping[str, frozenset[str]]:
    """Return who took which part once `fact` is counted; a step that a quality act closes is no part."""
    part = PARTS.get(type(fact.event)) if fact.event is not None else None
    if part is None or fact.actor_kind != "person":
        return state.took_part
    if isinstance(fact.event, ev.StepStarted) and state.steps[StepId(fact.event.step)].step.act in CLOSED_BY_QUALITY:
        return state.took_part
    if isinstance(fact.event, ev.ScanMismatched) and fact.event.scan.startswith("bedside"):
        part = CUSTODY
    return {**state.took_part, fact.actor: state.took_part.get(fact.actor, frozenset()) | {part}}
