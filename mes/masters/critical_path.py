"""The planned way of a batch through its master: when each step is due, and the longest path to the infusion."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from mes.ids import StepId
from mes.masters.findings import Finding
from mes.masters.graph import in_order, network
from mes.masters.model import Edge, Master, Step
from mes.masters.windows import anchor, upper_bounds


@dataclass(frozen=True, slots=True)
class Plan:
    """Planned start and completion of each step in hours since H0, and the steps that decide the infusion's."""

    starts: Mapping[StepId, Decimal]
    completions: Mapping[StepId, Decimal]
    critical: tuple[StepId, ...]
    vein_to_vein_h: Decimal | None

    def at(self, step: StepId, edge: Edge) -> Decimal:
        """Return the planned time of one instant, in hours since H0."""
        return (self.starts if edge is Edge.STARTED else self.completions)[step]


def plan(master: Master) -> Plan:
    """Return the earliest schedule that keeps predecessors, planned durations and planned distances (`plan_h`).

    Every step is planned as if done, optional ones too. Steps in a cycle are left out. `vein_to_vein_h` is None
    if the infusion is not reached from the start step.
    """
    order, _ = in_order(network(master))
    steps = {step.id: step for step in master.steps}
    starts: dict[StepId, Decimal] = {}
    why: dict[StepId, StepId | None] = {}
    for step_id in order:
        terms = [term for term in _terms(master, steps[step_id]) if term[1] in starts]
        latest = max(
            ((starts[one] + hours + (steps[one].duration_h if edge is Edge.COMPLETED else 0), one)
             for hours, one, edge in terms),
            default=(Decimal(0), None),
        )  # fmt: skip
        starts[step_id], why[step_id] = latest
    h0 = starts[master.start_step] + steps[master.start_step].duration_h if master.start_step in starts else None
    shift = h0 or Decimal(0)
    starts = {one: at - shift for one, at in starts.items()}
    completions = {one: at + steps[one].duration_h for one, at in starts.items()}
    path = _path(master, why)
    reached = master.start_step in path and h0 is not None
    return Plan(starts, completions, path, starts[master.infusion_step] if reached else None)


def _terms(master: Master, step: Step) -> Iterator[tuple[Decimal, StepId, Edge]]:
    """Yield the planned lower bounds of the step's start: hours after an edge of another step."""
    for one in step.after:
        yield Decimal(0), one, Edge.COMPLETED
    for window in step.windows:
        hours = window.plan_h if window.plan_h is not None else window.min_h
        if hours is not None:
            at, edge = anchor(master, window)
            yield hours - (step.duration_h if window.of is Edge.COMPLETED else 0), at, edge


def _path(master: Master, why: Mapping[StepId, StepId | None]) -> tuple[StepId, ...]:
    """Return the deciding steps from the start step (or the first) to the infusion."""
    found: list[StepId] = []
    here: StepId | None = master.infusion_step if master.infusion_step in why else None
    while here is not None:
        found.append(here)
        here = None if here == master.start_step else why[here]
    return tuple(reversed(found))


def plan_findings(master: Master) -> Iterator[Finding]:
    """Yield where the plan leaves a window, misses the infusion or outlasts the vein-to-vein target."""
    planned = plan(master)
    for step in master.steps:
        for bound in upper_bounds(master, step) if step.id in planned.starts else ():
            if bound.instant[0] in planned.starts:
                off = planned.starts[step.id] - planned.at(*bound.instant) - bound.hours
                if off > 0:
                    yield Finding.of("plan-outside-window", step.id, off_h=f"{off:f}", upper=bound.told)
    if planned.vein_to_vein_h is None:
        yield Finding.of("infusion-unplanned", "infusion_step", start=master.start_step, infusion=master.infusion_step)
    elif master.target_vein_to_vein_h is not None and planned.vein_to_vein_h > master.target_vein_to_vein_h:
        yield Finding.of(
            "critical-path-too-long", "target_vein_to_vein_h", planned_h=f"{planned.vein_to_vein_h:f}",
            target_h=f"{master.target_vein_to_vein_h:f}", path=" > ".join(planned.critical),
        )  # fmt: skip
