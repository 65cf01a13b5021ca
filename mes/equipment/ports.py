"""What the drain hands to whoever judges a run (limits, alarms, phases): news goes up here only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from equipment_drivers.readings import CommandResult, UnitState
from mes.ids import BatchId, EquipmentId, RunId
from mes.ledger.entry import Write


@dataclass(frozen=True, slots=True)
class RunKey:
    """The allocation that a fact belongs to: the one that held the device at the fact's source time."""

    run: RunId
    device: EquipmentId
    batch: BatchId


@dataclass(frozen=True, slots=True)
class DrainedReading:
    """One sample as it came. `value` is None where the text is no finite decimal (a state, NaN, nothing).

    `good` is False for every status that is not Good: such a value is stored, and never judged as if it were.
    """

    tag: str
    value: Decimal | None
    text: str
    unit: str
    good: bool
    source_at: datetime
    receive_at: datetime


@dataclass(frozen=True, slots=True)
class DrainedAlarm:
    """One transition of one device alarm; `severity` 1 to 1000."""

    code: str
    event_id: str
    message: str
    severity: int
    active: bool
    acknowledged: bool
    source_at: datetime
    receive_at: datetime


@dataclass(frozen=True, slots=True)
class DrainedOutcome:
    """What became of a command; UNKNOWN asks a person to look at the device, it is never sent again."""

    command: str
    verb: str
    result: CommandResult
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DrainedGap:
    """A stretch of time in which samples of `tags` (empty: of all tags) may be missing."""

    cause: str
    from_at: datetime
    to_at: datetime
    tags: tuple[str, ...]


class RunObserver(Protocol):
    """Judges what a run's device sent; what it returns is appended in the drain's own transaction.

    Facts of one run come in the order of the journal. A call that returns writes is the last one of its
    transaction for that run: what the observer loads from the ledger is therefore current at every call (the
    drain's own entry about the same fact is not there yet). Leave `expected_seq` None unless the judgement
    must be made anew when somebody else writes to that stream first (the drain then asks again), and always
    for `run/...`, where the drain writes too. After a crash the same facts may be handed over again, never
    after their commit: an observer keeps no state of its own that the ledger does not hold.
    """

    def on_readings(self, run: RunKey, readings: Sequence[DrainedReading], now: datetime) -> Sequence[Write]:
        """Judge samples in the order of their arrival; late ones carry an older `source_at`."""

    def on_alarm(self, run: RunKey, alarm: DrainedAlarm, now: datetime) -> Sequence[Write]:
        """Judge one alarm transition."""

    def on_unit_state(self, run: RunKey, state: UnitState, at: datetime, now: datetime) -> Sequence[Write]:
        """Follow a change of the unit's state; its own entry `equipment:unit:state` is the drain's."""

    def on_command_outcome(self, run: RunKey, outcome: DrainedOutcome, now: datetime) -> Sequence[Write]:
        """Follow a command; its own entry `equipment:command:outcome` is the drain's."""

    def on_gap(self, run: RunKey, gap: DrainedGap, now: datetime) -> Sequence[Write]:
        """Judge a gap; its own entry `equipment:gap:recorded` is the drain's."""


class NullObserver:
    """Judges nothing: for sites without batches and for tests of the drain alone."""

    def on_readings(self, run: RunKey, readings: Sequence[DrainedReading], now: datetime) -> Sequence[Write]:
        """Return nothing."""
        return ()

    def on_alarm(self, run: RunKey, alarm: DrainedAlarm, now: datetime) -> Sequence[Write]:
        """Return nothing."""
        return ()

    def on_unit_state(self, run: RunKey, state: UnitState, at: datetime, now: datetime) -> Sequence[Write]:
        """Return nothing."""
        return ()

    def on_command_outcome(self, run: RunKey, outcome: DrainedOutcome, now: datetime) -> Sequence[Write]:
        """Return nothing."""
        return ()

    def on_gap(self, run: RunKey, gap: DrainedGap, now: datetime) -> Sequence[Write]:
        """Return nothing."""
        return ()
