"""Gate items about the record itself: complete, in sequence, second-checked, reviewed, accounted for."""

from collections.abc import Iterator

from mes.batches.decide.acts import CLOSED_BY_ACT
from mes.batches.decide.glass import approved_glass
from mes.batches.model import BatchState, Phase, StepState, StepStatus
from mes.ids import StepId
from mes.masters.graph import ancestors
from mes.masters.model import Act, Kind, Severity, Source
from mes.quality.gate.model import GateItem, Question, Stage, covered, met, not_met
from mes.quality.statements import REVIEWS

MOST_NAMED = 5
ACTS = {Stage.PRELIMINARY: Act.CERTIFY_PRELIMINARY, Stage.FINAL: Act.CERTIFY_FINAL}


def steps_before(state: BatchState, stage: Stage) -> tuple[StepState, ...]:
    """Return the steps that must be closed before the certification of this stage."""
    waits = {step.step.id: frozenset(step.step.after) for step in state.steps.values()}
    ends = [step.step.id for step in state.steps.values() if step.step.act is ACTS[stage]]
    wanted: set[StepId] = set().union(*(ancestors(waits, end) for end in ends))
    if stage is Stage.FINAL:
        wanted |= {one for one, step in state.steps.items() if step.is_open and step.status is not StepStatus.PENDING}
        wanted -= set(ends)
    return tuple(step for one, step in state.steps.items() if one in wanted)


def record_complete(asked: Question) -> GateItem:
    """G-01: every closed step has its signature, values, lots and program, and the reviews are signed.

    Rule: REG-ATMP-02, 21 CFR 211.188(b).
    """
    gaps = [gap for step in steps_before(asked.state, asked.stage) for gap in _gaps(step)]
    gaps += [f"{REVIEWS[kind].title} not signed" for kind in ("production", "qa") if kind not in asked.state.reviews]
    if gaps:
        return not_met("G-01", "; ".join(gaps), "Complete the record, then have it reviewed.")
    return met("G-01", "every closed step has its signatures, values, lots and programs; production and QA reviewed it")


def sequence_intact(asked: Question) -> GateItem:
    """G-02: no step before this certification is open, and the batch is not on hold. Rule: REG-P11-10f."""
    state = asked.state
    if state.phase in (Phase.HELD, Phase.TERMINATED):
        return not_met("G-02", f"batch {state.phase.value}: {state.hold_reason or 'terminated'}",
                       "QA resumes the batch once its reason is settled.")  # fmt: skip
    still = [step.step.id for step in steps_before(state, asked.stage) if step.is_open]
    if still:
        return not_met("G-02", f"open: {', '.join(still)}", "Close these steps.", *still)
    return met("G-02", "all steps before this certification are closed")


def second_checked(asked: Question) -> GateItem:
    """G-03: every step that the master has verified is, and nobody typed a critical number or text alone.

    An answer chosen from a list follows the master's own rule of signatures. A step that went on by break-glass is
    covered by its approved deviation until somebody verifies it late. Rule: REG-A11-06.
    """
    state = asked.state
    single = [step for step in steps_before(state, asked.stage) if _single(step)]
    covers = approved_glass(state)
    lacking = [step.step.id for step in single if step.alone is None or step.step.id not in covers]
    if lacking:
        return not_met("G-03", f"no second person on {', '.join(lacking)}",
                       "Have a second person verify these steps; QA assesses those that went on by break-glass.",
                       *lacking)  # fmt: skip
    if single:
        named = ", ".join(f"{step.step.id} by {step.alone.name}" for step in single if step.alone)
        return covered("G-03", f"break-glass: {named}", *(covers[step.step.id] for step in single))
    return met("G-03", "critical values entered by hand were checked by a second person")


def audit_trail_reviewed(asked: Question) -> GateItem:
    """G-07: somebody who took no part reviewed the trail up to the newest entry that matters, or QA deferred it.

    A deferral covers the first stage only, and the QP acknowledges it. Rule: REG-A11D-12-6, REG-A11D-12-8.
    """
    state = asked.state
    signer, deferred = state.reviews.get("audit_trail"), state.trail_deferred.get(asked.stage.value)
    later = [one.exception for one in state.exceptions.values() if one.index > state.trail_reviewed_to]
    later += [one for one in asked.unreviewed if one not in later]
    flaw, action = "", "A QA person or QP who took no part in the batch reviews the audit trail."
    if signer is None:
        flaw = "audit trail not reviewed"
    elif signer.person in state.took_part:
        flaw = f"{signer.name} took part in the batch"
    elif later:
        shown = ", ".join(later[:MOST_NAMED]) + (f" and {len(later) - MOST_NAMED} more" if later[MOST_NAMED:] else "")
        flaw, action = f"newer than the review: {shown}", "Review the audit trail again."
    if flaw and deferred is not None:
        return covered("G-07", f"{flaw}; deferred by {deferred.name} until the final stage: "
                       f"{state.trail_deferred_reason}")  # fmt: skip
    if flaw:
        return not_met("G-07", flaw, action, *later)
    told = f" up to entry {state.trail_reviewed_to}" if signer and state.trail_reviewed_to < signer.index else ""
    return met("G-07", f"reviewed by {signer.name if signer else ''}{told}")


def labels_reconciled(asked: Question) -> GateItem:
    """G-09: every printed label was used or destroyed; a missing one is covered by its approved search.

    Rule: REG-ATMP-12, PRA-04.
    """
    state = asked.state
    if not state.labels:
        return not_met("G-09", "no product label was issued", "Issue and reconcile the labels.")
    loose = [serial for serial, label in state.labels.items() if label.fate is None]
    if loose or state.labels_reconciled_by is None:
        return not_met("G-09", f"not accounted for: {', '.join(loose) or 'all'}",
                       "A person who did not print them reconciles the labels.", *loose)  # fmt: skip
    missing = [serial for serial, label in state.labels.items() if label.fate == "missing"]
    if not missing:
        return met("G-09", f"{len(state.labels)} printed, all used or destroyed")
    searches = [one for one in state.exceptions.values() if one.kind == "label"]
    approved = [one.deviation for one in searches if one.deviation and state.deviations[one.deviation].approved_by]
    if searches and len(approved) == len(searches):
        return covered("G-09", f"missing after a recorded search: {', '.join(missing)}", *filter(None, approved))
    return not_met("G-09", f"missing: {', '.join(missing)}", "QA assesses and approves the search for it.", *missing)


def quality_unit_signed(asked: Question) -> GateItem:
    """G-19: the quality control unit approved the record. Rule: 21 CFR 211.192."""
    signer = asked.state.reviews.get("qc")
    if signer is None:
        return not_met("G-19", "quality control unit has not signed", "A QC reviewer approves record and results.")
    return met("G-19", f"signed by {signer.name}")


def volume_accounted(asked: Question) -> GateItem:
    """G-22: doses, retained and control samples, back-up and waste add up to what was formulated. Rule: PRA-04."""
    if not asked.state.filled:
        return not_met("G-22", "no product container was filled", "Record the filled container.")
    if not asked.state.volumes_balanced:
        return not_met("G-22", "the formulated volume is not accounted for", "Enter where the volume went.")
    return met("G-22", "filled, retained, control, back-up and waste volumes add up", *asked.state.filled)


def _single(step: StepState) -> bool:
    """Tell whether one person alone stands for a step that takes two."""
    if step.status is StepStatus.SKIPPED:
        return False
    if step.step.signatures.verified is not None and step.verified_by is None:
        return True
    critical = any(
        one.severity is Severity.CRITICAL and one.source is Source.MANUAL
        and one.kind in (Kind.NUMBER, Kind.TEXT) and one.id in step.values
        for one in step.step.parameters
    )  # fmt: skip
    return critical and not _second_person(step)


def continued(asked: Question) -> Iterator[GateItem]:
    """G-23, only where the batch began in an earlier generation of the ledger: QA signed its opening, the QP reads it.

    Rule: record format 6.
    """
    if asked.state.began_earlier:
        detail = "the end of the ledger's earlier generation was lost: facts of this batch may be missing from then"
        yield covered("G-23", f"{detail}; device data, paper and people's memory were compared with the record")


def _second_person(step: StepState) -> bool:
    return step.verified_by is not None or bool(step.attested)


def _gaps(step: StepState) -> list[str]:
    if step.status is not StepStatus.DONE or step.step.act in CLOSED_BY_ACT:
        return []
    name, gaps = step.step.id, []
    if step.performed_by is None:
        gaps.append(f"{name}: no performer's signature")
    gaps += [
        f"{name}: {one.label} missing" for one in step.step.parameters if one.required and one.id not in step.values
    ]
    used = {use.material for use in step.materials}
    gaps += [
        f"{name}: lot of {one.label} missing"
        for one in step.step.materials
        if not one.patient_material and one.code not in used
    ]
    if step.step.program is not None and step.program_done_at is None:
        gaps.append(f"{name}: program {step.step.program.number} not completed")
    return gaps
