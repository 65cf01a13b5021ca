"""Gate items about the product: results, identity, shelf life, dose; and about who certifies it."""

from mes.batches.decide.problems import TESTIMONY
from mes.batches.decide.windows import after_hours, hours, origin_of
from mes.batches.fold.participation import ANALYSED, EXECUTED, VERIFIED
from mes.batches.model import BatchState, StepStatus
from mes.errors import Refusal
from mes.ledger.events import time_text
from mes.masters.model import Act, Step, Window
from mes.people.model import Role
from mes.quality.gate.model import TITLES, GateItem, GateStatus, Question, Stage, met, not_met
from mes.quality.gate.record import steps_before
from mes.quality.panel import failed_items, pending_items
from mes.schedule import outlook
from mes.units import Measure

DOSE = "dose_cells"
"""The value of the master's dose step that is the dose of the label."""
NOT_INDEPENDENT = frozenset({EXECUTED, VERIFIED, ANALYSED})


def results_in_specification(asked: Question) -> GateItem:
    """G-04: every result that this stage needs passed and was reviewed; nothing that came back failed.

    Which results may wait is said by the approved specification, never chosen at release. Never coverable: a failed
    result closes certification. Rule: REG-ATMP-15, REG-A16-04, 21 CFR 211.194.
    """
    state, specification = asked.state, asked.specification
    failed = failed_items(state, specification)
    if failed:
        return not_met("G-04", f"out of specification: {', '.join(failed)}",
                       "Not certifiable; supply out of specification is another act.", *failed)  # fmt: skip
    final = asked.stage is Stage.FINAL
    waiting = [one.id for one in pending_items(state, specification) if final or not one.deferrable]
    if waiting:
        return not_met("G-04", f"missing or not reviewed: {', '.join(waiting)}",
                       "Enter the results and have them reviewed.", *waiting)  # fmt: skip
    early = _too_early(asked)
    if early is not None:
        return early
    later = [one.id for one in pending_items(state, specification)]
    return met(
        "G-04", f"in specification; still to come: {', '.join(later)}" if later else "all in specification", *later
    )


def identity_unbroken(asked: Question) -> GateItem:
    """G-10: donation, chain of identity, product bag and label belong together, and every scan ended in a match.

    Never coverable. Rule: REG-ATMP-10, REG-ID-04.
    """
    state = asked.state
    breaks = []
    if state.din is None:
        breaks.append("no donation number")
    breaks += [
        f"no label on {one}" for one in state.filled if one not in {label.container for label in state.labels.values()}
    ]
    if not state.filled:
        breaks.append("no product container")
    for step in steps_before(state, asked.stage):
        if step.status is StepStatus.DONE:
            breaks += [
                f"{step.step.id}: {scan.label} not matched" for scan in step.step.scans if not step.scans.get(scan.id)
            ]
    for one in state.exceptions.values():
        mixed = one.kind == "scan" or one.what == TESTIMONY["wrong_bag_handled"]
        if mixed and (one.deviation is None or state.deviations[one.deviation].approved_by is None):
            breaks.append(f"{one.exception} not settled")
    if breaks:
        return not_met("G-10", "; ".join(breaks), "Settle identity with QA; it cannot be covered.", *breaks)
    return met("G-10", f"donation {state.din}, {state.coi}, {', '.join(state.filled)}")


def integrity_verified(asked: Question) -> GateItem:
    """G-14: the batch's entries agree with their hashes and the ledger's tree, checked now. Rule: REG-P11-10a."""
    if asked.integrity_ok:
        return met("G-14", "every entry of the batch was verified against the ledger's tree")
    return not_met("G-14", "the record contradicts itself", "Stop. Call the security officer; do not use the product.")


def certifier_independent(asked: Question) -> GateItem:
    """G-18: the signer is a Qualified Person who executed, verified and analysed nothing in this batch.

    Rule: REG-A16-07, regulation catalogue section C. Judged for the person who signs; until then it is open.
    """
    person, title = asked.certifier, TITLES["G-18"]
    if person is None:
        return GateItem("G-18", title, GateStatus.AT_SIGNING, "judged for the person who signs")
    if Role.QP not in person.roles or not person.active:
        return not_met("G-18", f"{person.name} is no Qualified Person", "A Qualified Person certifies.")
    parts = asked.state.took_part.get(person.id, frozenset()) & NOT_INDEPENDENT
    if parts:
        return not_met("G-18", f"{person.name} {' and '.join(sorted(parts))} in this batch",
                       "Another Qualified Person certifies.")  # fmt: skip
    return met("G-18", f"{person.name} executed, verified and analysed nothing in this batch")


def shelf_life_left(asked: Question) -> GateItem:
    """G-20: what is left of the shelf life covers the planned way to the patient. Never coverable. Rule: PRA-04."""
    state = asked.state
    if state.expiry_at is None:
        return not_met("G-20", "no expiry is known", "Record the filled container.")
    told = f"use before {time_text(state.expiry_at)}"
    if state.infusion_started_at is not None:
        if state.infusion_started_at < state.expiry_at:
            return met("G-20", f"infused before its expiry; {told}")
        return not_met("G-20", f"infused after its expiry; {told}", "QA assesses the infusion with the physician.")
    if asked.stage is Stage.FINAL:
        return met("G-20", f"not infused; {told}")
    ahead = outlook(state, asked.now)
    ends = ahead.infusion_at if ahead else asked.now
    ends = after_hours(ends, state.step(state.master.infusion_step).step.duration_h)
    if ends > state.expiry_at:
        return not_met("G-20", f"planned end of infusion {time_text(ends)}, {told}",
                       "Shorten the way to the patient or decide with the clinician: no cover.")  # fmt: skip
    return met("G-20", f"{told}; the planned way to the patient fits")


def dose_on_label(asked: Question) -> GateItem:
    """G-21: two people calculated the dose on a current prescription and weight, and the label bears it.

    Never coverable. Rule: PRA-02, PRA-04.
    """
    state, step_id = asked.state, asked.state.master.dose_step
    if step_id is None:
        return not_met("G-21", "the master names no dose calculation", "Use a master that does.")
    step = state.step(step_id)
    if step.status is not StepStatus.DONE or step.performed_by is None or step.verified_by is None:
        return not_met("G-21", f"{step_id} not calculated by two people", "Two people calculate the dose.")
    outside = [step.step.parameter(one).label for one, value in step.values.items() if not value.judgement.within]
    if outside:
        return not_met("G-21", f"outside its limits: {', '.join(outside)}", "A new prescription version settles it.")
    dose = step.values.get(DOSE)
    wrong = [
        one.container for one in state.filled.values() if dose is None or not same_dose(one.dose, dose.value, dose.unit)
    ]
    if wrong or not state.filled:
        return not_met("G-21", f"label dose differs from the calculated one: {', '.join(wrong) or 'no container'}",
                       "Relabel with the calculated dose.", *wrong)  # fmt: skip
    return met("G-21", f"{dose.value} {dose.unit}" if dose else "", step_id)


def same_dose(told: str, value: str, unit: str | None) -> bool:
    """Tell whether a dose in words (`98 10*6{cells}`) is the quantity of two other words, in whatever unit."""
    number, _, code = told.partition(" ")
    try:
        return Measure.of(number, code).as_unit(unit or "1") == Measure.of(value, unit or "1").value
    except Refusal:
        return False


def _too_early(asked: Question) -> GateItem | None:
    """Return G-04 as not met while a sample that releases `negative to date` has not been incubated long enough."""
    if asked.stage is not Stage.PRELIMINARY:
        return None
    for window, step in _waits(asked.state):
        origin = origin_of(asked.state, window)
        if origin is None or window.min_h is None:
            return not_met("G-04", f"{step.id} waits for {window.after}", "Close that step.")
        opens = after_hours(origin, window.min_h)
        if asked.now < opens:
            return not_met("G-04", f"not before {time_text(opens)} ({window.min_h:f} h after {window.after})",
                           f"Wait until {time_text(opens)}.")  # fmt: skip
        for item in asked.specification.top_items():
            result = asked.state.results.get(item.id)
            if item.min_incubation_h is None or result is None:
                continue
            if hours(result.entered_at - origin) < item.min_incubation_h:
                ready = time_text(after_hours(origin, item.min_incubation_h))
                return not_met("G-04", f"{item.id} was read before {item.min_incubation_h:f} h of incubation",
                               f"Read it again after {ready} and enter it with the reason.", item.id)  # fmt: skip
    return None


def _waits(state: BatchState) -> list[tuple[Window, Step]]:
    return [
        (window, step.step)
        for step in state.steps.values()
        if step.step.act is Act.CERTIFY_PRELIMINARY
        for window in step.step.windows
        if window.min_h is not None
    ]
