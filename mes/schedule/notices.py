"""What somebody should look at now: an infeasible plan, little slack, windows that close, steps that overrun."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from mes.batches.decide.windows import after_hours, closes_at, hours
from mes.batches.model import BatchState, StepState, StepStatus
from mes.ids import StepId
from mes.masters.model import Edge
from mes.schedule.outlook import Outlook, outlook

TIGHT_H = Decimal(6)
"""Slack below which the plan is called tight."""
SOON_H = Decimal(1)
"""How long before its end a window is called closing."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to look at: a stable code, the step it is about, hours that matter, and a sentence."""

    code: str
    step: StepId | None
    hours: Decimal
    text: str


def notices(state: BatchState, now: datetime) -> tuple[Notice, ...]:
    """Return the notices of a batch as it stands, the most urgent first; empty once the infusion has begun."""
    if state.infusion_started_at is not None:
        return ()
    found = [one for step in state.steps.values() for one in _of_step(state, step, now)]
    ahead = outlook(state, now)
    return (*(_of_plan(ahead) if ahead else ()), *sorted(found, key=lambda one: one.hours))


def _of_plan(ahead: Outlook) -> tuple[Notice, ...]:
    worst = max(ahead.eaten, key=lambda one: one.hours, default=None)
    culprit = worst if worst is not None and worst.hours > 0 else None
    told = f"; {culprit.step} took {culprit.hours} h of it" if culprit else ""
    step = culprit.step if culprit else None
    if ahead.slack_h < 0:
        return (Notice("deadline-missed", step, ahead.slack_h, f"The infusion is planned {-ahead.slack_h} h after "
                        f"its deadline{told}. Decide with the clinician."),)  # fmt: skip
    if ahead.slack_h < TIGHT_H:
        return (Notice("slack-low", step, ahead.slack_h, f"{ahead.slack_h} h of slack left{told}."),)
    return ()


def _of_step(state: BatchState, step: StepState, now: datetime) -> tuple[Notice, ...]:
    name, title = step.step.id, step.step.title
    if step.status is StepStatus.PENDING and not state.open_predecessors(name):
        closes = closes_at(state, step.step)
        if closes is None:
            return ()
        left = _rounded(hours(closes - now))
        if left < 0:
            return (Notice("window-closed", name, left, f"{name} {title}: its window closed {-left} h ago."),)
        if left <= SOON_H:
            return (Notice("window-closing", name, left, f"{name} {title}: start within {left} h."),)
    if step.status is StepStatus.STARTED and step.started_at is not None:
        closes = closes_at(state, step.step, Edge.COMPLETED)
        planned = after_hours(step.started_at, step.step.duration_h)
        ends = min(planned, closes) if closes else planned
        over = _rounded(hours(now - ends))
        if over > 0:
            return (Notice("step-overrun", name, -over, f"{name} {title}: {over} h longer than planned."),)
    return ()


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01")) + 0
