"""Who took which part in a batch and when, so that nobody reviews their own work or works untrained."""

from collections.abc import Mapping
from datetime import datetime

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
    ev.StepVerifiedLate: VERIFIED,
    ev.GlassBroken: EXECUTED,
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

FACTS = (ev.ScanMismatched, ev.Infused)
"""Parts that are facts of the world by the time they are recorded: never refused for want of training."""
ASKS_FOR_TRAINING = frozenset(PARTS) - frozenset(FACTS) | {
    ev.ReviewSigned, ev.TrailReviewSigned, ev.BatchCertified, ev.ReleaseAssigned,
}  # fmt: skip
"""What only a person does who is trained on the batch's master. Not asked: holds, testimony, refusals, assessments."""


def with_time(state: BatchState, fact: Fact) -> Mapping[str, tuple[datetime, ...]]:
    """Return when each person did what asks for training, once `fact` is counted; times of recording."""
    if type(fact.event) not in ASKS_FOR_TRAINING or fact.actor_kind != "person":
        return state.acted
    known = state.acted.get(fact.actor, ())
    return state.acted if fact.at in known else {**state.acted, fact.actor: (*known, fact.at)}


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
