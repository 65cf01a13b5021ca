"""What a device's samples, alarms and states mean for the batch that holds it: judged here, once, in the drain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from equipment_drivers.readings import CommandResult, CommandVerb, UnitState
from mes.batches import events as ev
from mes.batches.decide.problems import alarm_severity, opened
from mes.batches.decide.windows import hours
from mes.batches.model import BatchState, Excursion, StepState, StepStatus, excursion_key
from mes.equipment.ports import DrainedAlarm, DrainedOutcome, DrainedReading
from mes.ids import StepId
from mes.ledger.entry import Draft, Occurred
from mes.ledger.events import Event
from mes.masters.model import MonitoredLimit, Severity

RULE = "signal-within-limit"
RULE_VERSION = 1
STOPPED = {UnitState.ERROR: Severity.CRITICAL, UnitState.ABORTED: Severity.CRITICAL, UnitState.STOPPED: Severity.MAJOR,
           UnitState.SUSPENDED: Severity.MAJOR, UnitState.HELD: Severity.MINOR}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watch:
    """One limit that watches a signal for a step now; `key` tells it from others on the same signal."""

    step: StepId
    limit: MonitoredLimit

    @property
    def key(self) -> str:
        """Name signal, limit and step."""
        return excursion_key(self.limit.tag, monitored_text(self.limit), self.step)


def watched_limits(state: BatchState) -> dict[str, tuple[Watch, ...]]:
    """Return by signal the limits that watch it now."""
    watched: dict[str, tuple[Watch, ...]] = {}
    for step in state.steps.values():
        for limit in step.step.monitored:
            if step.started_at is not None and _is_watching(state, step, limit):
                watched[limit.tag] = (*watched.get(limit.tag, ()), Watch(step.step.id, limit))
    return watched


def _is_watching(state: BatchState, step: StepState, limit: MonitoredLimit) -> bool:
    if limit.until is not None:
        return state.steps[limit.until].status is StepStatus.PENDING
    return step.is_open


def judge_readings(state: BatchState, readings: Sequence[DrainedReading]) -> tuple[Draft, ...]:
    """Judge samples in their order; a sample out of limits is an entry at once, an exception once it persists.

    A sample of bad quality is never judged as if it were good; the same limit cannot open a second exception
    before the signal returned. Rule: REG-A11D-09, house decision 7.
    """
    watched = watched_limits(state)
    excursions = dict(state.excursions)
    drafts: list[Draft] = []
    exceptions = 0
    for reading in readings:
        for watch in watched.get(reading.tag, ()):
            if not reading.good or reading.source_at < (state.steps[watch.step].started_at or reading.source_at):
                continue
            for event in _judge(state, excursions, watch, reading, exceptions):
                exceptions += isinstance(event, ev.ExceptionOpened)
                drafts.append(event.draft(occurred=Occurred(reading.source_at, "device")))
    return tuple(drafts)


def _judge(
    state: BatchState, excursions: dict[str, Excursion], watch: Watch, reading: DrainedReading, exceptions: int
) -> Iterator[Event]:
    limit, text = watch.limit, monitored_text(watch.limit)
    known = excursions.get(watch.key)
    if is_within(limit, reading):
        if known is not None:
            del excursions[watch.key]
            yield ev.LimitReturned(watch.step, reading.tag, reading.text, reading.unit, text, reading.source_at)
        return
    if known is None:
        known = excursions[watch.key] = Excursion(watch.key, reading.source_at, watch.step)
        yield ev.LimitExceeded(
            step=watch.step, tag_name=reading.tag, value=reading.text, unit=reading.unit, limit=text,
            source_at=reading.source_at, rule=RULE, rule_version=RULE_VERSION, master=state.master.digest,
        )  # fmt: skip
    outside_min = hours(reading.source_at - known.since) * 60
    if known.exception is None and outside_min >= limit.persist_min:
        told = f"{limit.label}: {reading.text} {reading.unit}, limit {text}".replace(" ,", ",")
        severity = limit.severity.value
        opening = opened(state, "limit", severity, told, step=watch.step, tag=watch.key, nth=exceptions)
        first = opening[0]
        if isinstance(first, ev.ExceptionOpened):
            excursions[watch.key] = replace(known, exception=first.exception)
        yield from opening


def is_within(limit: MonitoredLimit, reading: DrainedReading) -> bool:
    """Say whether a good sample is within a monitored limit; words are compared with the expected ones."""
    if limit.expected:
        return reading.text in limit.expected
    if reading.value is None:
        return False
    above = limit.low is None or reading.value >= limit.low
    return above and (limit.high is None or reading.value <= limit.high)


def monitored_text(limit: MonitoredLimit) -> str:
    """Return a monitored limit as it is shown and recorded."""
    if limit.expected:
        return " or ".join(limit.expected)
    ends = [f"{sign} {end:f}" for sign, end in ((">=", limit.low), ("<=", limit.high)) if end is not None]
    return f"{' and '.join(ends)} {limit.unit or ''}".strip()


def judge_alarm(state: BatchState, alarm: DrainedAlarm) -> tuple[Draft, ...]:
    """Open an exception when a device alarm becomes active, at once; its other transitions are the device's record."""
    if not alarm.active or alarm.acknowledged:
        return ()
    still_open = any(
        one.kind == "alarm" and one.what.startswith(f"{alarm.code}:") and one.assessed_by is None
        and one.occurred_at == alarm.source_at
        for one in state.exceptions.values()
    )  # fmt: skip
    if still_open:
        return ()
    step = _device_step(state)
    told = f"{alarm.code}: {alarm.message}"
    events = opened(state, "alarm", alarm_severity(alarm.severity), told, step=step.step.id if step else None)
    return tuple(event.draft(occurred=Occurred(alarm.source_at, "device")) for event in events)


def follow_unit_state(state: BatchState, unit: UnitState, at: datetime) -> tuple[Draft, ...]:
    """Follow the device's program: completed, or stopped where it should run."""
    step = _device_step(state)
    if step is None or step.step.program is None or step.program_done_at is not None:
        return ()
    if step.started_at is not None and at < step.started_at:
        return ()
    occurred = Occurred(at, "device")
    if unit.value == step.step.program.follow_state:
        done = ev.ProgramCompleted(step.step.id, step.step.program.number, unit.value)
        return (done.draft(occurred=occurred),)
    severity = STOPPED.get(unit)
    if severity is None:
        return ()
    told = f"the device is {unit.value} in program {step.step.program.number}"
    return tuple(
        event.draft(occurred=occurred) for event in opened(state, "device", severity.value, told, step=step.step.id)
    )


def judge_outcome(state: BatchState, outcome: DrainedOutcome) -> tuple[Draft, ...]:
    """A command that was refused, or whose fate nobody knows, needs a person at the device."""
    if outcome.result is CommandResult.CONFIRMED:
        return ()
    step = _device_step(state)
    told = f"command {outcome.verb} {outcome.result.value.lower()}: {outcome.detail}"[:400]
    events = opened(state, "device", Severity.MAJOR.value, told, step=step.step.id if step else None)
    return tuple(event.draft(occurred=Occurred(outcome.at, "device")) for event in events)


def wants_start(state: BatchState, outcome: DrainedOutcome) -> StepState | None:
    """Return the step whose program is selected now and must be started, None for any other outcome."""
    if outcome.verb != CommandVerb.SELECT_PROGRAM.value or outcome.result is not CommandResult.CONFIRMED:
        return None
    return _device_step(state)


def judge_gap(state: BatchState, cause: str, from_at: datetime, to_at: datetime) -> tuple[Draft, ...]:
    """A stretch without proof of every sample is an exception to be assessed, never a silent hole."""
    step = _device_step(state)
    minutes = (hours(to_at - from_at) * 60).quantize(Decimal("0.1"))
    told = f"no proof that every sample arrived for {minutes} min: {cause}"
    events = opened(state, "gap", Severity.MAJOR.value, told, step=step.step.id if step else None)
    return tuple(event.draft(occurred=Occurred(from_at, "device")) for event in events)


def _device_step(state: BatchState) -> StepState | None:
    return state.steps[state.active_device_step] if state.active_device_step else None
