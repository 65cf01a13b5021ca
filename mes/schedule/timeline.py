"""When each step of a batch began or will begin: the longest path over what happened and what the master plans."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from mes.batches.decide.windows import after_hours
from mes.batches.model import BatchState, StepState, StepStatus
from mes.ids import StepId
from mes.masters.graph import in_order, network
from mes.masters.model import Edge, Window


@dataclass(frozen=True, slots=True)
class Timeline:
    """Start and end of each step, real or forecast, and which step each forecast start waits for."""

    starts: Mapping[StepId, datetime]
    ends: Mapping[StepId, datetime]
    waits_for: Mapping[StepId, StepId | None]

    def at(self, step: StepId, edge: Edge) -> datetime:
        """Return one instant of a step."""
        return (self.starts if edge is Edge.STARTED else self.ends)[step]

    def path_to(self, step: StepId) -> tuple[StepId, ...]:
        """Return the steps that decide when `step` starts, first to last."""
        found: list[StepId] = []
        here: StepId | None = step
        while here is not None and here not in found:
            found.append(here)
            here = self.waits_for.get(here)
        return tuple(reversed(found))


def timeline(state: BatchState, now: datetime) -> Timeline:
    """Return the earliest schedule from now on that keeps predecessors, planned durations and planned distances.

    What happened stands as it happened. A step under way ends at its planned end, or now if that is past; an open
    step starts now at the earliest. Optional steps are planned as if done. Steps in a cycle are left out.
    """
    order, _ = in_order(network(state.master))
    starts: dict[StepId, datetime] = {}
    ends: dict[StepId, datetime] = {}
    waits: dict[StepId, StepId | None] = {}
    for step_id in order:
        step = state.steps[step_id]
        starts[step_id], waits[step_id] = _start(state, step, now, starts, ends)
        ends[step_id] = _end(step, starts[step_id], now)
    return Timeline(starts, ends, waits)


def bounds_of(state: BatchState, step: StepState) -> Iterator[tuple[StepId, Edge, Decimal]]:
    """Yield the planned lower bounds of a step's start: so many hours after an edge of another step."""
    for before in step.step.after:
        yield before, Edge.COMPLETED, Decimal(0)
    for window in step.step.windows:
        wait_h = window.plan_h if window.plan_h is not None else window.min_h
        if wait_h is not None:
            anchor, edge = _anchor(state, window)
            yield anchor, edge, wait_h - (step.step.duration_h if window.of is Edge.COMPLETED else 0)


def _anchor(state: BatchState, window: Window) -> tuple[StepId, Edge]:
    if window.absolute or window.after is None:
        return state.master.start_step, Edge.COMPLETED
    return window.after, window.edge or Edge.COMPLETED


def _start(
    state: BatchState,
    step: StepState,
    now: datetime,
    starts: Mapping[StepId, datetime],
    ends: Mapping[StepId, datetime],
) -> tuple[datetime, StepId | None]:
    latest, cause = now, None
    decided: StepId | None = None
    decided_at: datetime | None = None
    for anchor, edge, wait_h in bounds_of(state, step):
        if anchor not in starts:
            continue
        bound = after_hours((starts if edge is Edge.STARTED else ends)[anchor], wait_h)
        if bound >= latest:
            latest, cause = bound, anchor
        if decided_at is None or bound >= decided_at:
            decided, decided_at = anchor, bound
    if step.status is StepStatus.PENDING:
        return latest, cause if cause is not None else decided
    return step.started_at or step.completed_at or now, decided


def _end(step: StepState, start: datetime, now: datetime) -> datetime:
    if step.completed_at is not None and not step.is_open:
        return step.completed_at
    planned = after_hours(start, step.step.duration_h)
    return planned if step.status is StepStatus.PENDING else max(planned, now)
