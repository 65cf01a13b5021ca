"""Gate items about what went otherwise: deviations, alarms, lots, gaps, transport; and what nobody monitors yet."""

from collections.abc import Sequence

from mes.batches.decide.problems import TESTIMONY
from mes.batches.model import BatchState, Binding, ExceptionState
from mes.quality.gate.model import GateItem, Question, covered, met, not_met, not_monitored

ALARMS = ("alarm", "limit", "device")
ASSESS = "Assess each; for a deviation QA approves the assessment."


def deviations_approved(asked: Question) -> GateItem:
    """G-05: every exception was assessed or is a deviation, and QA approved every deviation.

    Approved ones still need the QP's acknowledgement, which links them to the certificate. Rule: REG-ATMP-19, PRA-04.
    """
    state = asked.state
    waiting = [found.deviation for found in state.open_deviations()]
    waiting += [one.exception for one in _of(state) if one.kind not in ALARMS and _is_open(state, one)]
    if waiting:
        names = tuple(dict.fromkeys(waiting))
        return not_met("G-05", f"not assessed or not approved: {', '.join(names)}", ASSESS, *names)
    if state.deviations:
        return covered("G-05", f"{len(state.deviations)} approved: {', '.join(state.deviations)}", *state.deviations)
    return met("G-05", "no deviation; every exception is assessed")


def alarms_assessed(asked: Question) -> GateItem:
    """G-06: alarms, limit excursions and device events were assessed with a comment. Rule: REG-A11D-09."""
    return _judged(asked.state, "G-06", ALARMS, "no alarm and no excursion")


def materials_valid(asked: Question) -> GateItem:
    """G-08: lots were in date when used, which is checked at the scan; a reported wrong lot needs its deviation.

    Status of lots and calibration of equipment are not known to this gate yet. Rule: REG-ATMP-09, REG-211-68a.
    """
    state = asked.state
    wrong = [one for one in _of(state, "fact") if one.what == TESTIMONY["wrong_lot_used"]]
    late = [
        f"{step.step.id}: {use.lot}"
        for step in state.steps.values()
        for use in step.materials
        if step.completed_at is not None and use.expiry <= (step.started_at or step.completed_at)
    ]
    if late:
        return not_met("G-08", f"expired when used: {', '.join(late)}", "Raise a deviation with QA; the lots count.")
    if any(_is_open(state, one) for one in wrong):
        return not_met("G-08", "a wrong lot was reported", ASSESS, *(one.exception for one in wrong))
    if wrong:
        return covered("G-08", "a wrong lot was reported and assessed", *_deviations(wrong))
    return not_monitored(
        "G-08", "expiry checked at every scan; status of lots and calibration not monitored by this release"
    )


def no_gap(asked: Question) -> GateItem:
    """G-15: every gap in the monitored data was assessed. Rule: PRA-04, REG-LN2-03, PRA-12."""
    if asked.state.binding is Binding.MANUAL:
        return not_monitored("G-15", "operator as driver: no device data were monitored by the system")
    return _judged(asked.state, "G-15", ("gap",), "no gap in the monitored data")


def transport_within(asked: Question) -> GateItem:
    """G-16: every handover was taken over, with its temperatures read and within limits.

    A reading that is missing or outside opens an exception at the takeover. Rule: REG-ATMP-28.
    """
    state = asked.state
    between = [name for name, held in state.handovers.items() if held.taker is None]
    if between:
        return not_met("G-16", f"not taken over: {', '.join(between)}", "The receiver takes over.", *between)
    return _judged(state, "G-16", ("transport",), f"{len(state.handovers)} handover(s) within limits")


def unmonitored() -> tuple[GateItem, ...]:
    """Return the items that this release holds no data for: G-11, G-12, G-17. They are never silently met."""
    return (
        not_monitored("G-11", "environmental data are not monitored by this release"),
        not_monitored("G-12", "licence, master file and suspension of the site are not monitored by this release"),
        not_monitored("G-17", "recalls and complaints are not monitored by this release"),
    )


def _of(state: BatchState, *kinds: str) -> list[ExceptionState]:
    return [one for one in state.exceptions.values() if not kinds or one.kind in kinds]


def _is_open(state: BatchState, one: ExceptionState) -> bool:
    if one.deviation is not None:
        return state.deviations[one.deviation].approved_by is None
    return one.assessed_by is None


def _deviations(found: Sequence[ExceptionState]) -> tuple[str, ...]:
    return tuple(one.deviation for one in found if one.deviation is not None)


def _judged(state: BatchState, item: str, kinds: tuple[str, ...], nothing: str) -> GateItem:
    found = _of(state, *kinds)
    waiting = tuple(one.exception for one in found if _is_open(state, one))
    if waiting:
        return not_met(item, f"not assessed: {', '.join(waiting)}", ASSESS, *waiting)
    deviations = _deviations(found)
    if deviations:
        return covered(item, f"{len(found)} assessed; deviations {', '.join(deviations)}", *deviations)
    return met(item, f"{len(found)} assessed" if found else nothing)
