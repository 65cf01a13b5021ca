"""Break-glass: a running patient process goes on although its verifier is absent. Seen by everybody, never silent."""

from datetime import datetime

from mes.batches import events as ev
from mes.batches.decide.problems import opened
from mes.batches.decide.steps import glass_closes
from mes.batches.model import BatchState, ExceptionState, Phase, Signer, StepState, StepStatus
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Act, BatchKind, Severity

NEVER = {
    Act.LABEL: "the labels of the product",
    Act.RESULTS: "results of the laboratory",
    Act.REVIEW: "a review of the record",
    Act.CERTIFY_PRELIMINARY: "certification",
    Act.CERTIFY_FINAL: "certification",
    Act.INFUSION: "the bedside check",
}
"""Acts whose second person nobody may do without. Rule: regulation catalogue section C."""
KIND = "glass"


def break_glass(state: BatchState, step_id: str, signer: Signer, reason: str | None) -> tuple[Event, ...]:
    """Let a confirmed step go on without its verifier: the GlassBroken to sign comes first, then what follows.

    A major deviation opens with it, and the step stands as unverified until a second person verifies its record
    late. Refuses `reason-missing`, `batch-not-executing`, `glass-not-patient` (only a patient's process cannot wait),
    `glass-not-needed` (the step waits for no verifier), `glass-broken`, `glass-never` (identity, labels, dose,
    results, certification, release, bedside). Rule: regulation catalogue section C, house decision 10.
    """
    step = state.step(step_id)
    if not reason or not reason.strip():
        raise Refusal("reason-missing", status=422)
    if state.phase is not Phase.EXECUTING:
        raise Refusal("batch-not-executing", phase=state.phase.value, reason=state.hold_reason or "")
    if state.master.kind is not BatchKind.PATIENT:
        raise Refusal("glass-not-patient", kind=state.master.kind.value)
    if step.glass is not None:
        raise Refusal("glass-broken", step=step_id, by=step.glass.name)
    missing = waits_for(step)
    if missing is None:
        raise Refusal("glass-not-needed", step=step_id)
    against = never_alone(state, step)
    if against is not None:
        raise Refusal("glass-never", step=step_id, what=against)
    told = f"{step_id}: second person missing, break-glass by {signer.name} ({missing.replace('_', ' ')} absent)"
    exception, *_ = opened(state, KIND, Severity.MAJOR.value, told, step=step_id)
    assert isinstance(exception, ev.ExceptionOpened)
    number = exception.exception.rsplit(".E", 1)[-1]
    deviation = ev.DeviationOpened(f"{state.batch}.D{number}", exception.exception, Severity.MAJOR.value, told)
    closing = (ev.StepCompleted(step_id),) if glass_closes(step, signer) else ()
    return (ev.GlassBroken(step_id, missing), exception, deviation, *closing)


def waits_for(step: StepState) -> str | None:
    """Return the role whose verification a confirmed step waits for, None if it waits for none."""
    waits = step.status is StepStatus.PERFORMED and step.verified_by is None and step.glass is None
    return step.step.signatures.verified if waits else None


def never_alone(state: BatchState, step: StepState) -> str | None:
    """Return why this step never goes on without its second person, None if it may."""
    if step.step.act in NEVER:
        return NEVER[step.step.act]
    if step.step.id == state.master.dose_step:
        return "the calculation of the dose"
    if not all(step.scans.values()) or any(_unsettled(state, one) for one in state.exceptions.values()):
        return "an identity that does not match"
    return None


def may_break(state: BatchState, step: StepState) -> bool:
    """Tell whether the step screen offers break-glass: the rule of `break_glass`, without person and reason."""
    is_patient = state.master.kind is BatchKind.PATIENT and state.phase is Phase.EXECUTING
    return is_patient and waits_for(step) is not None and never_alone(state, step) is None


def signer_of(person: str, name: str, role: str, at: datetime) -> Signer:
    """Return who is about to break the glass, before the entry has an index."""
    return Signer(person, name, role, at, -1)


def unassessed_glass(state: BatchState) -> tuple[ExceptionState, ...]:
    """Return the break-glass exceptions whose deviation QA has not approved yet: QA's task list."""
    return tuple(one for one in state.exceptions.values() if one.kind == KIND and not _approved(state, one))


def approved_glass(state: BatchState) -> dict[str, str]:
    """Return, by step that went on alone, the deviation of it that QA approved."""
    found = (one for one in state.exceptions.values() if one.kind == KIND and _approved(state, one))
    return {one.step: one.deviation for one in found if one.step is not None and one.deviation is not None}


def _unsettled(state: BatchState, one: ExceptionState) -> bool:
    return one.kind == "scan" and not _approved(state, one)


def _approved(state: BatchState, one: ExceptionState) -> bool:
    return one.deviation is not None and state.deviations[one.deviation].approved_by is not None
