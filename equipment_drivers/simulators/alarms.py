"""When the simulated processor raises an alarm and when it takes it back: thresholds with delay and hysteresis."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from equipment_drivers.simulators.physics import Chamber, Inputs


@dataclass(frozen=True, slots=True)
class View:
    """What the alarm rules look at."""

    chamber: Chamber
    inputs: Inputs
    settled: bool
    mains: bool
    clamp: bool
    waiting_since: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """One alarm: raised when `bad` held for `after`, taken back when `good` holds."""

    name: str
    severity: int
    message: str
    after: timedelta
    bad: Callable[[View], bool]
    good: Callable[[View], bool]


def _off(view: View) -> float:
    return abs(view.chamber.temperature_celsius - view.inputs.temperature_celsius)


def _prompt_h(view: View) -> float:
    return (view.now - view.waiting_since) / timedelta(hours=1) if view.waiting_since else 0.0


NOW, MINUTES_5, MINUTES_10 = timedelta(0), timedelta(minutes=5), timedelta(minutes=10)
RULES = (
    Rule("TemperatureDeviation", 800, "Chamber temperature more than 1.0 degC off its set point", MINUTES_10,
         lambda v: v.settled and _off(v) > 1.0, lambda v: _off(v) < 0.5),
    Rule("Co2SupplyLow", 700, "CO2 supply below 1.2 bar", MINUTES_5,
         lambda v: v.chamber.co2_bar < 1.2, lambda v: v.chamber.co2_bar > 1.3),
    Rule("AirSupplyLow", 700, "Air supply below 1.2 bar", MINUTES_5,
         lambda v: v.chamber.air_bar < 1.2, lambda v: v.chamber.air_bar > 1.3),
    Rule("LinePressureHigh", 900, "Line pressure above 600 mbar, pump stopped", NOW,
         lambda v: v.chamber.line_mbar > 600.0, lambda v: v.chamber.line_mbar < 500.0),
    Rule("ClampFeedback", 850, "Clamp feedback does not match its command", NOW,
         lambda v: v.clamp, lambda v: not v.clamp),
    Rule("MainsLost", 900, "Mains lost, running on the battery", NOW,
         lambda v: not v.mains, lambda v: v.mains),
    Rule("PromptUnanswered", 500, "An operator prompt is open for more than 30 minutes", NOW,
         lambda v: _prompt_h(v) > 0.5, lambda v: v.waiting_since is None),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One transition as the device tells it; `event_id` is new for each."""

    name: str
    event_id: str
    severity: int
    message: str
    active: bool
    acknowledged: bool
    at: datetime


class AlarmBoard:
    """Keeps which alarms stand, by name."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._count = 0
        self._bad_since: dict[str, datetime] = {}
        self.standing: dict[str, AlarmEvent] = {}

    def judged(self, view: View) -> Iterator[AlarmEvent]:
        """Yield the alarms that came or went with this view."""
        for rule in RULES:
            standing = self.standing.get(rule.name)
            if standing is not None and standing.active:
                if rule.good(view):
                    yield self._told(replace(standing, active=False), view.now)
            elif rule.bad(view):
                since = self._bad_since.setdefault(rule.name, view.now)
                if view.now - since >= rule.after:
                    fresh = AlarmEvent(rule.name, "", rule.severity, rule.message, True, False, view.now)
                    yield self._told(fresh, view.now)
            else:
                self._bad_since.pop(rule.name, None)

    def acknowledged(self, event_id: str, now: datetime) -> AlarmEvent | None:
        """Acknowledge the alarm whose newest event has this id; None if there is none or it is acknowledged."""
        for alarm in self.standing.values():
            if alarm.event_id == event_id and not alarm.acknowledged:
                return self._told(replace(alarm, acknowledged=True), now)
        return None

    def _told(self, alarm: AlarmEvent, now: datetime) -> AlarmEvent:
        self._count += 1
        told = replace(alarm, event_id=f"{self._run}-{self._count:06d}".encode().hex(), at=now)
        self.standing[told.name] = told
        if not told.active:
            self._bad_since.pop(told.name, None)
            if told.acknowledged:
                del self.standing[told.name]
        return told
