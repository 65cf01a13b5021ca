"""How facts of what went otherwise change a batch."""

from dataclasses import replace

from mes.batches import events as ev
from mes.batches.fold.fact import Fact
from mes.batches.fold.steps import changed
from mes.batches.model import (
    BatchState,
    DeviationState,
    Disposition,
    ExceptionState,
    Excursion,
    Phase,
    StepStatus,
    excursion_key,
)  # fmt: skip
from mes.ids import StepId


def limit_exceeded(state: BatchState, fact: Fact) -> BatchState:
    """A signal is out of its limits since its first bad sample."""
    event: ev.LimitExceeded = fact.event  # type: ignore[assignment]
    key = excursion_key(event.tag_name, event.limit, event.step)
    return replace(state, excursions={**state.excursions, key: Excursion(key, event.source_at, StepId(event.step))})


def limit_returned(state: BatchState, fact: Fact) -> BatchState:
    """A signal is within its limits again."""
    event: ev.LimitReturned = fact.event  # type: ignore[assignment]
    key = excursion_key(event.tag_name, event.limit, event.step)
    return replace(state, excursions={name: held for name, held in state.excursions.items() if name != key})


def exception_opened(state: BatchState, fact: Fact) -> BatchState:
    """An exception stands until somebody assessed it; one of a signal is tied to its excursion."""
    event: ev.ExceptionOpened = fact.event  # type: ignore[assignment]
    opened = ExceptionState(
        event.exception, event.kind, event.severity, event.step, event.what, fact.at, fact.occurred_at,
        index=fact.index,
    )  # fmt: skip
    excursion = state.excursions.get(event.tag_name or "")
    excursions = state.excursions
    if excursion is not None and event.kind == "limit":
        excursions = {**excursions, excursion.tag: replace(excursion, exception=event.exception)}
    return replace(state, exceptions={**state.exceptions, event.exception: opened}, excursions=excursions)


def exception_assessed(state: BatchState, fact: Fact) -> BatchState:
    """Somebody assessed the exception."""
    event: ev.ExceptionAssessed = fact.event  # type: ignore[assignment]
    seen = replace(
        state.exceptions[event.exception],
        assessed_by=fact.actor,
        assessment=str(event.assessment.get("content", "")),
    )
    return replace(state, exceptions={**state.exceptions, event.exception: seen})


def deviation_opened(state: BatchState, fact: Fact) -> BatchState:
    """A deviation stands until QA approved its assessment."""
    event: ev.DeviationOpened = fact.event  # type: ignore[assignment]
    raised = DeviationState(event.deviation, event.exception, event.severity, event.title, fact.actor)
    exceptions = state.exceptions
    if event.exception in exceptions:
        exceptions = {
            **exceptions,
            event.exception: replace(exceptions[event.exception], deviation=event.deviation),
        }
    return replace(state, deviations={**state.deviations, event.deviation: raised}, exceptions=exceptions)


def deviation_assessed(state: BatchState, fact: Fact) -> BatchState:
    """The impact was assessed."""
    event: ev.DeviationAssessed = fact.event  # type: ignore[assignment]
    seen = replace(
        state.deviations[event.deviation], assessed_by=fact.actor, impact=str(event.impact.get("content", ""))
    )
    return replace(state, deviations={**state.deviations, event.deviation: seen})


def deviation_approved(state: BatchState, fact: Fact) -> BatchState:
    """QA approved the assessment."""
    event: ev.DeviationApproved = fact.event  # type: ignore[assignment]
    seen = replace(state.deviations[event.deviation], approved_by=fact.actor)
    return replace(state, deviations={**state.deviations, event.deviation: seen})


def held(state: BatchState, fact: Fact) -> BatchState:
    """Nothing new may start."""
    event: ev.BatchHeld = fact.event  # type: ignore[assignment]
    return replace(state, phase=Phase.HELD, hold_reason=fact.reason or event.cause)


def resumed(state: BatchState, fact: Fact) -> BatchState:
    """The batch goes on."""
    still_open = any(step.is_open for step in state.steps.values())
    return replace(state, phase=Phase.EXECUTING if still_open else Phase.COMPLETED, hold_reason=None)


def terminated(state: BatchState, fact: Fact) -> BatchState:
    """The batch ended without infusion."""
    return replace(state, phase=Phase.TERMINATED, disposition=Disposition.REFUSED)


def voided(state: BatchState, fact: Fact) -> BatchState:
    """A fallen signature takes its verification or attestation with it; a fallen certificate is in question."""
    event: ev.SignatureVoided = fact.event  # type: ignore[assignment]
    state = replace(state, voided=state.voided | {event.index})
    for step_id, step in state.steps.items():
        if step.verified_by is not None and step.verified_by.index == event.index:
            state = changed(state, step_id, verified_by=None, verified_late=False, status=_reopened(step.status))
        if step.glass is not None and step.glass.index == event.index:
            state = changed(state, step_id, glass=None, status=_reopened(step.status))
        kept = {meaning: signer for meaning, signer in step.attested.items() if signer.index != event.index}
        if len(kept) != len(step.attested):
            state = changed(state, step_id, attested=kept, status=_reopened(state.steps[step_id].status))
    reviews = {kind: signer for kind, signer in state.reviews.items() if signer.index != event.index}
    state = replace(state, reviews=reviews)
    if state.phase is Phase.COMPLETED and any(step.is_open for step in state.steps.values()):
        state = replace(state, phase=Phase.EXECUTING)
    return state


def _reopened(status: StepStatus) -> StepStatus:
    return StepStatus.PERFORMED if status is StepStatus.DONE else status


def corrected_after_certificate(state: BatchState, fact: Fact) -> BatchState:
    """A correction after certification puts the certificate in question; it is not withdrawn by itself.

    A product that was refused stays refused, a certificate that was withdrawn stays withdrawn.
    """
    stands = state.certificates and state.disposition not in (Disposition.REFUSED, Disposition.WITHDRAWN)
    return in_question(state) if stands else state


def in_question(state: BatchState) -> BatchState:
    """The certificates wait for a Qualified Person's decision; what the product was before is not forgotten."""
    return replace(
        state, disposition=Disposition.IN_QUESTION, questioned_from=state.questioned_from or state.disposition
    )  # fmt: skip
