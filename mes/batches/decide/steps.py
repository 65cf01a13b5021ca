"""Starting, confirming, verifying, attesting and skipping a step."""

from dataclasses import dataclass, replace
from datetime import datetime

from mes.batches import events as ev
from mes.batches.decide.acts import missing_act
from mes.batches.decide.conflicts import Part, keep_apart
from mes.batches.decide.problems import opened
from mes.batches.decide.values import GivenValue, judged_values
from mes.batches.decide.windows import check_window
from mes.batches.model import (
    BatchState,
    Binding,
    MaterialUse,
    Phase,
    RecordedValue,
    Signer,
    StepState,
    StepStatus,
)  # fmt: skip
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Edge


@dataclass(frozen=True, slots=True)
class StartStep:
    """Start a step: who, with which device, and why in spite of a closed window."""

    step: str
    roles: frozenset[str]
    equipment: str | None = None
    late_reason: str | None = None


def start_step(state: BatchState, command: StartStep, run: str | None, now: datetime) -> tuple[Event, ...]:
    """Decide whether a step may start now.

    Refuses `batch-not-executing`, `step-not-pending`, `step-predecessors-open`, `step-too-early`, `step-late`
    (give the decision that lets it go on), `role-missing`, `equipment-missing`. Rule: REG-P11-10f, PRA-14.
    """
    step = state.step(command.step)
    if state.phase is not Phase.EXECUTING:
        raise Refusal("batch-not-executing", phase=state.phase.value, reason=state.hold_reason or "")
    if step.status is not StepStatus.PENDING:
        raise Refusal("step-not-pending", step=command.step, state=step.status.value, by=_who(step))
    before = state.open_predecessors(command.step)
    if before:
        raise Refusal("step-predecessors-open", step=command.step, open=", ".join(before))
    require_role(step.step.signatures.performed, command.roles)
    if step.step.equipment and step.step.program is not None and command.equipment is None:
        raise Refusal("equipment-missing", status=422, step=command.step, needs=step.step.equipment[0].device_class)
    late = check_window(state, step.step, Edge.STARTED, now)
    program = step.step.program.number if step.step.program else None
    started = ev.StepStarted(command.step, command.equipment, run, program, str(late.by_h) if late else None)
    if late is None:
        return (started,)
    if not command.late_reason:
        raise Refusal("step-late", step=command.step, by_h=str(late.by_h))
    told = f"{command.step} started {late.by_h} h after its window closed"
    return (started, *opened(state, "window", late.severity, told, step=command.step))


def use_materials(state: BatchState, step_id: str, uses: tuple[MaterialUse, ...], now: datetime) -> tuple[Event, ...]:
    """Record lots in a started step; refuses `step-not-started`, `material-unknown`, `lot-expired`.

    Rule: REG-ATMP-09.
    """
    step = _in_progress(state, step_id)
    known = {material.code for material in step.step.materials}
    for use in uses:
        if use.material not in known:
            raise Refusal("material-unknown", status=422, material=use.material[:40], needs=", ".join(sorted(known)))
        if now >= use.expiry:
            raise Refusal("lot-expired", material=use.material, lot=use.lot, expiry=use.expiry)
    return tuple(ev.MaterialUsed(step_id, use) for use in uses)


def perform_step(
    state: BatchState, step_id: str, given: tuple[GivenValue, ...], roles: frozenset[str], now: datetime
) -> tuple[Event, ...]:
    """Confirm a step's values: the StepPerformed to sign comes first, then what follows from it.

    Refuses `step-not-started`, `step-confirmed` (somebody was faster), `role-missing`, `scan-missing`,
    `material-missing`, `program-running`, the refusals of values and of the step's act. Values outside their
    limits open exceptions, critical ones deviations.
    """
    step = _in_progress(state, step_id)
    require_role(step.step.signatures.performed, roles)
    _scans_and_materials_there(step)
    if step.step.program is not None and step.program_done_at is None:
        raise Refusal("program-running", step=step_id, program=step.step.program.number, binding=state.binding.value)
    missing = missing_act(state, step)
    if missing is not None:
        raise Refusal(missing, step=step_id)
    values = judged_values(step.step, given)
    events: list[Event] = [ev.StepPerformed(step_id, state.master.digest, values)]
    events += breaches(state, step, values)
    late = check_window(state, step.step, Edge.COMPLETED, now)
    if late is not None:
        count = sum(isinstance(event, ev.ExceptionOpened) for event in events)
        told = f"{step_id} completed {late.by_h} h after its window closed"
        events += opened(state, "window", late.severity, told, step=step_id, nth=count)
    if _complete(replace(step, status=StepStatus.PERFORMED)):
        events.append(ev.StepCompleted(step_id))
    return tuple(events)


def breaches(state: BatchState, step: StepState, values: tuple[RecordedValue, ...]) -> tuple[Event, ...]:
    """Open an exception for every value outside its limit, and a deviation where that is critical."""
    events: list[Event] = []
    outside = [value for value in values if not value.judgement.within]
    for nth, value in enumerate(outside):
        parameter = step.step.parameter(value.parameter)
        unit = "" if value.unit in (None, "1") else f" {value.unit}"
        told = f"{parameter.label}: {value.value}{unit}, limit {value.judgement.limit}"
        events += opened(state, "value", parameter.severity.value, told, step=step.step.id, nth=nth)
    return tuple(events)


def verify_step(state: BatchState, step_id: str, person: str, roles: frozenset[str]) -> tuple[Event, ...]:
    """Verify a confirmed step as another person; one that went on by break-glass is verified late.

    Refuses `step-not-performed`, `step-verified`, `verification-not-asked`, `same-person` (who performed it, wrote
    one of its corrections or let it go on alone), `role-missing`. Rule: REG-ATMP-02, 21 CFR 211.188(b)(11).
    """
    step = state.step(step_id)
    is_late = step.alone is not None
    if step.performed_by is None or (step.status is not StepStatus.PERFORMED and not is_late):
        raise Refusal("step-not-performed", step=step_id, state=step.status.value)
    if step.step.signatures.verified is None:
        raise Refusal("verification-not-asked", step=step_id)
    if step.verified_by is not None:
        raise Refusal("step-verified", step=step_id, by=step.verified_by.name)
    keep_apart(Part.PERFORMED, Part.VERIFIED, person, step.performed_by.person, step.corrected_by)
    keep_apart(Part.BROKE_GLASS, Part.VERIFIED, person, step.glass.person if step.glass else None)
    require_role(step.step.signatures.verified, roles)
    done = step.is_open and _complete(replace(step, verified_by=step.performed_by))
    verified = ev.StepVerifiedLate(step_id) if is_late else ev.StepVerified(step_id)
    return (verified, *((ev.StepCompleted(step_id),) if done else ()))


def attest_step(state: BatchState, step_id: str, meaning: str, person: str, roles: frozenset[str]) -> tuple[Event, ...]:
    """Give a further signature that the master demands (QA, receiver) on a confirmed step.

    Refuses `step-not-performed`, `attestation-not-asked`, `attested`, `same-person`, `role-missing`.
    """
    step = state.step(step_id)
    if step.status is not StepStatus.PERFORMED or step.performed_by is None:
        raise Refusal("step-not-performed", step=step_id, state=step.status.value)
    role = next((one.role for one in step.step.signatures.also if one.meaning == meaning), None)
    if role is None:
        raise Refusal("attestation-not-asked", step=step_id, meaning=meaning[:40])
    if meaning in step.attested:
        raise Refusal("attested", step=step_id, by=step.attested[meaning].name)
    keep_apart(Part.PERFORMED, Part.ATTESTED, person, step.performed_by.person)
    require_role(role, roles)
    done = _complete(replace(step, attested={**step.attested, meaning: step.performed_by}))
    return (ev.StepAttested(step_id, meaning), *((ev.StepCompleted(step_id),) if done else ()))


def glass_closes(step: StepState, glass: Signer) -> bool:
    """Tell whether a step is complete once `glass` let it go on without its verifier."""
    return _complete(replace(step, glass=glass))


def skip_step(state: BatchState, step_id: str, roles: frozenset[str], reason: str | None) -> tuple[Event, ...]:
    """Leave out an optional step; refuses `step-not-optional`, `step-not-pending`, `reason-missing`."""
    step = state.step(step_id)
    if not step.step.optional:
        raise Refusal("step-not-optional", step=step_id)
    if step.status is not StepStatus.PENDING:
        raise Refusal("step-not-pending", step=step_id, state=step.status.value, by=_who(step))
    before = state.open_predecessors(step_id)
    if before:
        raise Refusal("step-predecessors-open", step=step_id, open=", ".join(before))
    require_role(step.step.signatures.performed, roles)
    if not reason:
        raise Refusal("reason-missing", status=422)
    return (ev.StepSkipped(step_id),)


def confirm_program(state: BatchState, step_id: str, program_state: str = "COMPLETE") -> tuple[Event, ...]:
    """With the operator as driver: record that the device finished the step's program.

    Refuses `step-not-started`, `program-not-asked`, `program-followed` (the device itself reports it), `program-done`.
    Rule: PRA-12.
    """
    step = _in_progress(state, step_id)
    if step.step.program is None:
        raise Refusal("program-not-asked", step=step_id)
    if state.binding is not Binding.MANUAL:
        raise Refusal("program-followed", step=step_id)
    if step.program_done_at is not None:
        raise Refusal("program-done", step=step_id)
    return (ev.ProgramCompleted(step_id, step.step.program.number, program_state),)


def require_role(role: str | None, roles: frozenset[str]) -> None:
    """Refuse `role-missing` (403) if the person does not hold the role that the master names."""
    if role is not None and role not in roles:
        raise Refusal("role-missing", status=403, role=role)


def _in_progress(state: BatchState, step_id: str) -> StepState:
    step = state.step(step_id)
    if step.status in (StepStatus.PERFORMED, StepStatus.DONE):
        raise Refusal("step-confirmed", step=step_id, by=step.performed_by.name if step.performed_by else "")
    if step.status is not StepStatus.STARTED:
        raise Refusal("step-not-started", step=step_id, state=step.status.value)
    return step


def _scans_and_materials_there(step: StepState) -> None:
    unscanned = [scan.label for scan in step.step.scans if not step.scans.get(scan.id)]
    if unscanned:
        raise Refusal("scan-missing", step=step.step.id, scans=", ".join(unscanned))
    used = {use.material for use in step.materials}
    lacking = [one.label for one in step.step.materials if not one.patient_material and one.code not in used]
    if lacking:
        raise Refusal("material-missing", step=step.step.id, materials=", ".join(lacking))


def _complete(step: StepState) -> bool:
    rule = step.step.signatures
    verified = rule.verified is None or step.verified_by is not None or step.glass is not None
    return verified and all(one.meaning in step.attested for one in rule.also)


def _who(step: StepState) -> str:
    signer = step.performed_by or step.started_by
    return signer.name if signer else ""
