"""How facts of quality, identity and custody change a batch."""

from dataclasses import replace

from mes.batches import events as ev
from mes.batches.fold.fact import Fact
from mes.batches.fold.problems import in_question
from mes.batches.model import (
    BatchState,
    ContainerState,
    Disposition,
    HandoverState,
    LabelState,
    Phase,
    ResultState,
)  # fmt: skip


def result_entered(state: BatchState, fact: Fact) -> BatchState:
    """The newest result of an item counts, and waits for its reviewer."""
    event: ev.ResultEntered = fact.event  # type: ignore[assignment]
    result = ResultState(
        event.item, event.value, event.unit, event.passed, fact.actor, fact.occurred_at, fact.seq,
        limit=event.limit, note=event.note or "",
    )  # fmt: skip
    return replace(state, results={**state.results, event.item: result})


def result_reviewed(state: BatchState, fact: Fact) -> BatchState:
    """The result was approved by another person, if it still is the one that was reviewed."""
    event: ev.ResultReviewed = fact.event  # type: ignore[assignment]
    result = state.results[event.item]
    if result.seq != event.result_seq:
        return state
    return replace(state, results={**state.results, event.item: replace(result, reviewer=fact.actor)})


def result_failed_late(state: BatchState, fact: Fact) -> BatchState:
    """A deferred result failed after certification: the product is on hold, the certificate in question."""
    phase = state.phase if state.infusion_started_at else Phase.HELD
    return replace(in_question(state), phase=phase)


def reviewed(state: BatchState, fact: Fact) -> BatchState:
    """A review of the record stands."""
    event: ev.ReviewSigned = fact.event  # type: ignore[assignment]
    state = replace(state, reviews={**state.reviews, event.kind: fact.signer})
    if event.kind != "audit_trail":
        return state
    up_to = event.up_to if isinstance(event, ev.TrailReviewSigned) else fact.index
    return replace(state, trail_reviewed_to=up_to)


def trail_examined(state: BatchState, fact: Fact) -> BatchState:
    """One more reviewer opened an entry of the audit trail."""
    event: ev.TrailExamined = fact.event  # type: ignore[assignment]
    seen = state.trail_examined.get(event.index, frozenset()) | {fact.actor}
    return replace(state, trail_examined={**state.trail_examined, event.index: seen})


def trail_deferred(state: BatchState, fact: Fact) -> BatchState:
    """One stage of certification may go before the review of the audit trail."""
    event: ev.TrailReviewDeferred = fact.event  # type: ignore[assignment]
    deferred = {**state.trail_deferred, event.stage: fact.signer}
    return replace(state, trail_deferred=deferred, trail_deferred_reason=fact.reason or "")


def certified(state: BatchState, fact: Fact) -> BatchState:
    """A certificate stands; a final one does not take back that the product was released."""
    event: ev.BatchCertified = fact.event  # type: ignore[assignment]
    final = event.stage == "final"
    disposition = Disposition.CERTIFIED_FINAL if final else Disposition.CERTIFIED_PRELIMINARY
    return replace(
        state, disposition=disposition, certificates={**state.certificates, event.stage: event.certificate},
        certified_seq={**state.certified_seq, event.stage: fact.seq},
    )  # fmt: skip


def certification_refused(state: BatchState, fact: Fact) -> BatchState:
    """A Qualified Person refused."""
    return replace(state, disposition=Disposition.REFUSED)


def questioned(state: BatchState, fact: Fact) -> BatchState:
    """The certificates are in question."""
    return in_question(state)


def upheld(state: BatchState, fact: Fact) -> BatchState:
    """The certificate stands; the product is again what it was."""
    event: ev.CertificateUpheld = fact.event  # type: ignore[assignment]
    return replace(state, disposition=Disposition(event.disposition), questioned_from=None)


def withdrawn(state: BatchState, fact: Fact) -> BatchState:
    """The certificate is gone; nothing brings this product back to its patient."""
    return replace(state, disposition=Disposition.WITHDRAWN, questioned_from=None)


def released(state: BatchState, fact: Fact) -> BatchState:
    """The product may leave."""
    return replace(state, disposition=Disposition.RELEASED)


def donation_identified(state: BatchState, fact: Fact) -> BatchState:
    """The collected bag has its donation number."""
    event: ev.DonationIdentified = fact.event  # type: ignore[assignment]
    return replace(state, din=event.din, containers=(*state.containers, event.container))


def container_filled(state: BatchState, fact: Fact) -> BatchState:
    """The product bag exists and its shelf life runs."""
    event: ev.ContainerFilled = fact.event  # type: ignore[assignment]
    filled = ContainerState(event.container, event.volume, event.dose, event.expiry, fact.actor)
    known = () if event.container in state.containers else (event.container,)
    return replace(
        state, containers=(*state.containers, *known), expiry_at=event.expiry,
        filled={**state.filled, event.container: filled},
    )  # fmt: skip


def containers_reconciled(state: BatchState, fact: Fact) -> BatchState:
    """The whole formulated volume is accounted for."""
    return replace(state, volumes_balanced=True)


def label_issued(state: BatchState, fact: Fact) -> BatchState:
    """One more printed label to account for; an earlier reconciliation no longer covers all."""
    event: ev.LabelIssued = fact.event  # type: ignore[assignment]
    label = LabelState(event.serial, event.container, issued_by=fact.actor, payload=event.payload, text=event.text)
    return replace(state, labels={**state.labels, event.serial: label}, labels_reconciled_by=None)


def labels_reconciled(state: BatchState, fact: Fact) -> BatchState:
    """Every printed label has its fate."""
    event: ev.LabelsReconciled = fact.event  # type: ignore[assignment]
    fates = dict.fromkeys(event.used, "used") | dict.fromkeys(event.destroyed, "destroyed")
    fates |= dict.fromkeys(event.missing, "missing")
    labels = {serial: replace(label, fate=fates.get(serial, label.fate)) for serial, label in state.labels.items()}
    return replace(state, labels=labels, labels_reconciled_by=fact.actor)


def handed_over(state: BatchState, fact: Fact) -> BatchState:
    """A container is between two hands."""
    event: ev.CustodyHandedOver = fact.event  # type: ignore[assignment]
    given = HandoverState(event.handover, event.container, fact.actor, event.place)
    return replace(state, handovers={**state.handovers, event.handover: given})


def taken_over(state: BatchState, fact: Fact) -> BatchState:
    """The container has a keeper again."""
    event: ev.CustodyTakenOver = fact.event  # type: ignore[assignment]
    read = [one for one in (event.lowest_celsius, event.highest_celsius) if one is not None]
    taken = replace(
        state.handovers[event.handover], taker=fact.actor, place=event.place,
        temperatures=" to ".join(read), within=event.within,
    )  # fmt: skip
    return replace(state, handovers={**state.handovers, event.handover: taken})


def issue_go(state: BatchState, fact: Fact) -> BatchState:
    """The clinician said that the patient is ready."""
    return replace(state, issue_go_by=fact.actor)


def bedside_checked(state: BatchState, fact: Fact) -> BatchState:
    """One more person compared wristband and bag."""
    return replace(state, bedside=(*state.bedside, fact.actor))


def infusion_started(state: BatchState, fact: Fact) -> BatchState:
    """The vein-to-vein clock stops at the start of the infusion."""
    event: ev.InfusionStarted = fact.event  # type: ignore[assignment]
    return replace(state, infusion_started_at=fact.occurred_at, infusing=event.container)


def infused(state: BatchState, fact: Fact) -> BatchState:
    """The infusion ended, as recorded."""
    event: ev.Infused = fact.event  # type: ignore[assignment]
    started = state.infusion_started_at or event.started
    return replace(state, infusion_started_at=started, infused_at=event.started, infusion_ended_at=event.ended)
