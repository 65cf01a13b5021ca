"""Exceptions, deviations, holds and testimony: facts are never refused, permission is a different thing."""

from mes.batches import events as ev
from mes.batches.decide.conflicts import Part, keep_apart
from mes.batches.model import BatchState, Phase
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Severity

TESTIMONY = {
    "wrong_lot_used": "a wrong, expired or unreleased lot was used",
    "done_without_record": "a step was done without its record",
    "done_out_of_order": "a step was done out of its order",
    "infused_unreleased": "a product was infused without release",
    "wrong_bag_handled": "a bag of another patient was handled",
    "closure_broken": "the closed system was opened",
    "device_touched": "somebody acted at the device itself",
    "other": "something else happened",
}
HOLDING = {"infused_unreleased", "wrong_bag_handled", "closure_broken", "wrong_lot_used"}
ALARM_CRITICAL, ALARM_MAJOR = 700, 400


def opened(
    state: BatchState, kind: str, severity: str, what: str, *, step: str | None = None, tag: str | None = None,
    nth: int = 0,
) -> tuple[Event, ...]:  # fmt: skip
    """Open an exception and, where critical, its deviation. `nth` counts those opened before in the same act."""
    number = len(state.exceptions) + 1 + nth
    exception = f"{state.batch}.E{number}"
    events: list[Event] = [ev.ExceptionOpened(exception, kind, severity, what, step, tag)]
    if severity == Severity.CRITICAL.value:
        events.append(ev.DeviationOpened(f"{state.batch}.D{number}", exception, severity, what))
    return tuple(events)


def alarm_severity(number: int) -> str:
    """Translate an OPC UA severity (1 to 1000) into ours."""
    if number >= ALARM_CRITICAL:
        return Severity.CRITICAL.value
    return Severity.MAJOR.value if number >= ALARM_MAJOR else Severity.MINOR.value


def assess_exception(state: BatchState, exception: str, assessment: dict[str, object]) -> tuple[Event, ...]:
    """Record what somebody made of an exception; refuses `exception-unknown` and `exception-assessed`."""
    found = state.exceptions.get(exception)
    if found is None:
        raise Refusal("exception-unknown", status=404, exception=exception[:80])
    if found.assessed_by is not None:
        raise Refusal("exception-assessed", exception=exception)
    return (ev.ExceptionAssessed(exception, assessment),)


def raise_deviation(state: BatchState, exception: str) -> tuple[Event, ...]:
    """Open a deviation on an exception that has none; refuses `exception-unknown` and `deviation-open`."""
    found = state.exceptions.get(exception)
    if found is None:
        raise Refusal("exception-unknown", status=404, exception=exception[:80])
    if found.deviation is not None:
        raise Refusal("deviation-open", deviation=found.deviation)
    number = exception.rsplit(".E", 1)[-1]
    return (ev.DeviationOpened(f"{state.batch}.D{number}", exception, found.severity, found.what),)


def assess_deviation(state: BatchState, deviation: str, impact: dict[str, object]) -> tuple[Event, ...]:
    """Record the impact assessment; refuses `deviation-unknown` and `deviation-approved`."""
    found = state.deviations.get(deviation)
    if found is None:
        raise Refusal("deviation-unknown", status=404, deviation=deviation[:80])
    if found.approved_by is not None:
        raise Refusal("deviation-approved", deviation=deviation)
    return (ev.DeviationAssessed(deviation, impact),)


def approve_deviation(state: BatchState, deviation: str, person: str) -> tuple[Event, ...]:
    """Approve an assessed deviation.

    Refuses `deviation-unknown`, `deviation-not-assessed`, `deviation-approved` and `same-person` (who raised or
    assessed it cannot approve it). Rule: REG-ATMP-19, regulation section C.
    """
    found = state.deviations.get(deviation)
    if found is None:
        raise Refusal("deviation-unknown", status=404, deviation=deviation[:80])
    if found.impact is None:
        raise Refusal("deviation-not-assessed", deviation=deviation)
    if found.approved_by is not None:
        raise Refusal("deviation-approved", deviation=deviation)
    keep_apart(Part.DEVIATION_RAISED, Part.DEVIATION_APPROVED, person, found.raised_by)
    keep_apart(Part.DEVIATION_ASSESSED, Part.DEVIATION_APPROVED, person, found.assessed_by)
    return (ev.DeviationApproved(deviation),)


def hold(state: BatchState, cause: str) -> tuple[Event, ...]:
    """Stop new steps; refuses `batch-held` if it is held already, `batch-closed` if nothing can be held."""
    if state.phase is Phase.HELD:
        raise Refusal("batch-held", batch=state.batch, reason=state.hold_reason)
    if state.phase is Phase.TERMINATED:
        raise Refusal("batch-closed", batch=state.batch, phase=state.phase.value)
    return (ev.BatchHeld(cause),)


def resume(state: BatchState) -> tuple[Event, ...]:
    """Let the batch go on; refuses `batch-not-held`."""
    if state.phase is not Phase.HELD:
        raise Refusal("batch-not-held", batch=state.batch)
    still_open = any(step.is_open for step in state.steps.values())
    return (ev.BatchResumed((Phase.EXECUTING if still_open else Phase.COMPLETED).value),)


def report_what_happened(
    state: BatchState,
    what: str,
    account: dict[str, object],
    source: str,
    witness: str | None,
    step: str | None,
) -> tuple[Event, ...]:
    """Record testimony: never refused for what it says, in any phase of the batch.

    Opens a critical deviation, holds the batch where the product may be affected, turns nothing green. Refuses
    only what is not testimony at all: `testimony-unknown` for a word outside the list. Rule: PRA-06.
    """
    if what not in TESTIMONY:
        raise Refusal("testimony-unknown", status=422, choices=", ".join(TESTIMONY))
    known_step = step if step in state.steps else None
    events: list[Event] = [ev.FactReported(what, account, source, witness, known_step)]
    events += opened(state, "fact", Severity.CRITICAL.value, TESTIMONY[what], step=known_step)
    if what in HOLDING and state.phase in (Phase.EXECUTING, Phase.COMPLETED):
        events.append(ev.BatchHeld("reported fact"))
    return tuple(events)
