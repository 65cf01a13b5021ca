"""From a batch's timeline to the figures of the vein-to-vein clock: infusion, deadline, slack, and who ate it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from mes.batches.decide.windows import after_hours, hours
from mes.batches.model import BatchState
from mes.ids import StepId
from mes.masters.critical_path import Plan, plan
from mes.schedule.timeline import Timeline, timeline

HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Eaten:
    """How many hours of slack a step of the deciding path took (negative: gave back), waiting before it included."""

    step: StepId
    hours: Decimal


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the clock says now. Hours to the hundredth; `critical` are the steps that decide the infusion."""

    infusion_at: datetime
    deadline_at: datetime
    vein_to_vein_h: Decimal
    slack_h: Decimal
    critical: tuple[StepId, ...]
    eaten: tuple[Eaten, ...]


def outlook(state: BatchState, now: datetime) -> Outlook | None:
    """Return what the clock says now, or None where the master promises nothing or the infusion is unreachable.

    The deadline is the earlier of H0 + target and the product's expiry: the recorded one, before the harvest the
    planned one. Before H0 the collection is assumed as planned from now. Source: process facts section 9 rule (a).
    """
    master, times = state.master, timeline(state, now)
    if master.infusion_step not in times.starts or master.start_step not in times.ends:
        return None
    h0, infusion = times.ends[master.start_step], state.infusion_started_at or times.starts[master.infusion_step]
    limits = [] if master.target_vein_to_vein_h is None else [after_hours(h0, master.target_vein_to_vein_h)]
    expiry = _expiry(state, times)
    limits += [expiry] if expiry is not None else []
    if not limits:
        return None
    deadline = min(limits)
    path = times.path_to(master.infusion_step)
    path = path[path.index(master.start_step) :] if master.start_step in path else path
    return Outlook(
        infusion_at=infusion,
        deadline_at=deadline,
        vein_to_vein_h=_told(hours(infusion - h0)),
        slack_h=_told(hours(deadline - infusion)),
        critical=path,
        eaten=_eaten(path, times, plan(master), h0),
    )


def _expiry(state: BatchState, times: Timeline) -> datetime | None:
    if state.expiry_at is not None:
        return state.expiry_at
    step, life = state.master.expiry_step, state.master.shelf_life_h
    return after_hours(times.ends[step], life) if step in times.ends and step is not None and life is not None else None


def _eaten(path: tuple[StepId, ...], times: Timeline, planned: Plan, h0: datetime) -> tuple[Eaten, ...]:
    """Return per step of the path how much later it ended than planned, beyond what the step before it was late."""
    found, before = [], Decimal(0)
    for step in path:
        late = hours(times.ends[step] - h0) - planned.completions[step]
        found.append(Eaten(step, _told(late - before)))
        before = late
    return tuple(one for one in found if one.hours)


def _told(value: Decimal) -> Decimal:
    rounded = value.quantize(HUNDREDTH)
    return abs(rounded) if rounded.is_zero() else rounded
