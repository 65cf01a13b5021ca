"""Rules of a change of custody: one gives, another takes, and the logger is read against the step's own limits."""

import re
from decimal import Decimal

from mes.batches import events as ev
from mes.batches.decide.conflicts import Part, keep_apart
from mes.batches.decide.problems import opened
from mes.batches.model import BatchState, Disposition, StepState, StepStatus
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Act, Severity
from mes.units import decimal_of

CODED = re.compile(r"[\w .,:+()/-]{1,80}")
CELSIUS = "Cel"


def hand_over(state: BatchState, step_id: str, container: str, place: str, condition: str) -> tuple[Event, ...]:
    """Hand a container over; opens the handover `<step>-<n>`.

    Refuses `step-unknown`, `act-not-handover`, `step-not-started`, `container-unknown`, `handover-open`,
    `not-released` (a product container leaves quarantine only when released), `text-not-coded`.
    Rule: REG-ATMP-14, REG-ID-12, regulation catalogue section C.
    """
    step = state.step(step_id)
    if step.step.act is not Act.HANDOVER:
        raise Refusal("act-not-handover", step=step_id)
    if step.status is not StepStatus.STARTED:
        raise Refusal("step-not-started", step=step_id, state=step.status.value)
    if container not in state.containers:
        raise Refusal("container-unknown", status=404, container=container[:80])
    between = [one.handover for one in state.handovers.values() if one.container == container and one.taker is None]
    if between:
        raise Refusal("handover-open", handover=between[0])
    if container in state.filled and state.disposition not in (Disposition.RELEASED, Disposition.CERTIFIED_FINAL):
        raise Refusal("not-released", container=container, disposition=state.disposition.value)
    number = sum(name.startswith(f"{step_id}-") for name in state.handovers) + 1
    return (ev.CustodyHandedOver(f"{step_id}-{number}", container, coded(place), coded(condition)),)


def take_over(
    state: BatchState, handover: str, place: str, condition: str, lowest: str | None, highest: str | None, person: str
) -> tuple[Event, ...]:
    """Take a container over as another person.

    Refuses `handover-unknown`, `handover-taken`, `same-person`, `text-not-coded`, `number-malformed`,
    `temperatures-swapped`. A reading that is missing or outside the step's limits opens an exception.
    Rule: REG-ATMP-28, regulation catalogue section C.
    """
    given = state.handovers.get(handover)
    if given is None:
        raise Refusal("handover-unknown", status=404, handover=handover[:80])
    if given.taker is not None:
        raise Refusal("handover-taken", handover=handover)
    keep_apart(Part.GAVE, Part.TOOK, person, given.giver)
    step = state.step(handover.rpartition("-")[0])
    low, high = temperature_limits(step)
    limit = f"{low:f} to {high:f} {CELSIUS}" if low is not None and high is not None else None
    within = _within(lowest, highest, low, high)
    taken = ev.CustodyTakenOver(
        handover, given.container, coded(place), coded(condition), lowest, highest, limit, within
    )
    if limit is None or within:
        return (taken,)
    read = f"{lowest} to {highest} {CELSIUS}" if lowest is not None and highest is not None else "no reading"
    severity = max((_severity(step)), key=[Severity.MINOR, Severity.MAJOR, Severity.CRITICAL].index)
    return (taken, *opened(state, "transport", severity.value, f"{handover}: {read}, limit {limit}", step=step.step.id))


def temperature_limits(step: StepState) -> tuple[Decimal | None, Decimal | None]:
    """Return the narrowest temperature limits that the step's own parameters state, in degrees Celsius."""
    lows = [one.low for one in step.step.parameters if one.unit == CELSIUS and one.low is not None]
    highs = [one.high for one in step.step.parameters if one.unit == CELSIUS and one.high is not None]
    return max(lows, default=None), min(highs, default=None)


def coded(text: str) -> str:
    """Return a short coded text, or refuse with `text-not-coded`: free text never stands in an entry."""
    text = text.strip()
    if not CODED.fullmatch(text):
        raise Refusal("text-not-coded", status=422, parameter="place or condition")
    return text


def _within(lowest: str | None, highest: str | None, low: Decimal | None, high: Decimal | None) -> bool | None:
    if low is None or high is None or lowest is None or highest is None:
        return None
    coldest, warmest = decimal_of(lowest), decimal_of(highest)
    if coldest > warmest:
        raise Refusal("temperatures-swapped", status=422, lowest=lowest, highest=highest)
    return low <= coldest and warmest <= high


def _severity(step: StepState) -> list[Severity]:
    return [one.severity for one in step.step.parameters if one.unit == CELSIUS]
