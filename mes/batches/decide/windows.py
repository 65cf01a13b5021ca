"""Time windows of a step: when it may fall, and how late it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from mes.batches.model import BatchState
from mes.errors import Refusal
from mes.masters.model import Edge, Step, Window

HOUR_US = Decimal(3_600_000_000)


@dataclass(frozen=True, slots=True)
class Lateness:
    """How far past the end of a window an edge falls, and the window's severity."""

    by_h: Decimal
    severity: str


def hours(span: timedelta) -> Decimal:
    """Return a duration as exact decimal hours."""
    micros = span.days * 86_400_000_000 + span.seconds * 1_000_000 + span.microseconds
    return Decimal(micros) / HOUR_US


def after_hours(start: datetime, wait_h: Decimal) -> datetime:
    """Return the time `wait_h` decimal hours after `start`."""
    return start + timedelta(microseconds=int((wait_h * HOUR_US).to_integral_value()))


def origin_of(state: BatchState, window: Window) -> datetime | None:
    """Return the instant a window counts from, or None while that has not happened."""
    if window.absolute or window.after is None:
        return state.vein_start_at
    reference = state.steps[window.after]
    return reference.started_at if window.edge is Edge.STARTED else reference.completed_at


def check_window(state: BatchState, step: Step, edge: Edge, at: datetime) -> Lateness | None:
    """Hold `at` against every window of this edge of the step; return the worst lateness, None if in time.

    Refuses `step-too-early` with the time from which it may happen. A late step is not refused: cells do not
    wait, but it needs a recorded decision. Rule: PRA-14, house decision 13.
    """
    worst: Lateness | None = None
    for window in step.windows:
        origin = origin_of(state, window)
        if window.of is not edge or origin is None:
            continue
        passed = hours(at - origin)
        if window.min_h is not None and passed < window.min_h:
            raise Refusal("step-too-early", step=step.id, opens=after_hours(origin, window.min_h))
        if window.max_h is not None and passed > window.max_h:
            late = (passed - window.max_h).quantize(Decimal("0.01"))
            if worst is None or late > worst.by_h:
                worst = Lateness(late, window.severity.value)
    return worst


def closes_at(state: BatchState, step: Step, edge: Edge = Edge.STARTED) -> datetime | None:
    """Return when the narrowest window of the step closes, or None if nothing bounds it yet."""
    ends = [
        after_hours(origin, window.max_h)
        for window in step.windows
        if window.of is edge and window.max_h is not None and (origin := origin_of(state, window)) is not None
    ]
    return min(ends, default=None)


def opens_at(state: BatchState, step: Step, edge: Edge = Edge.STARTED) -> datetime | None:
    """Return when the last of the step's windows opens, or None if nothing holds it back."""
    starts = [
        after_hours(origin, window.min_h)
        for window in step.windows
        if window.of is edge and window.min_h is not None and (origin := origin_of(state, window)) is not None
    ]
    return max(starts, default=None)
