"""The batch side of the equipment port: what a drained fact means for the batch that held the device."""

from collections.abc import Sequence
from datetime import datetime

from equipment_drivers.readings import CommandVerb, UnitState
from mes.batches.decide import device
from mes.batches.service.device_run import DeviceRuns
from mes.batches.service.recorder import Recorder
from mes.equipment.ports import DrainedAlarm, DrainedGap, DrainedOutcome, DrainedReading, RunKey
from mes.ids import stream
from mes.ledger.entry import Draft, Write


class BatchObserver:
    """Judges what a run's device sent, against the batch as the ledger holds it; keeps no state of its own."""

    def __init__(self, recorder: Recorder, runs: DeviceRuns) -> None:
        self._recorder = recorder
        self._runs = runs

    def on_readings(self, run: RunKey, readings: Sequence[DrainedReading], now: datetime) -> Sequence[Write]:
        """Judge samples against the limits that are watched now."""
        state = self._recorder.load(run.batch)
        return self._writes(run, device.judge_readings(state, readings), state.next_seq)

    def on_alarm(self, run: RunKey, alarm: DrainedAlarm, now: datetime) -> Sequence[Write]:
        """Open an exception of the batch for an alarm that became active."""
        state = self._recorder.load(run.batch)
        return self._writes(run, device.judge_alarm(state, alarm), state.next_seq)

    def on_unit_state(self, run: RunKey, state: UnitState, at: datetime, now: datetime) -> Sequence[Write]:
        """Follow the program of the step that runs on the device."""
        batch = self._recorder.load(run.batch)
        return self._writes(run, device.follow_unit_state(batch, state, at), batch.next_seq)

    def on_command_outcome(self, run: RunKey, outcome: DrainedOutcome, now: datetime) -> Sequence[Write]:
        """Start the program once it is selected; a refused or lost command becomes an exception."""
        state = self._recorder.load(run.batch)
        step = device.wants_start(state, outcome)
        if step is not None:
            held = self._runs.state(run.device)
            return self._runs.ask(held, run.run, CommandVerb.START, {}, step.step.id, now)
        return self._writes(run, device.judge_outcome(state, outcome), state.next_seq)

    def on_gap(self, run: RunKey, gap: DrainedGap, now: datetime) -> Sequence[Write]:
        """Open an exception for a stretch without proof of every sample."""
        state = self._recorder.load(run.batch)
        return self._writes(run, device.judge_gap(state, gap.cause, gap.from_at, gap.to_at), state.next_seq)

    def _writes(self, run: RunKey, drafts: tuple[Draft, ...], seq: int) -> Sequence[Write]:
        # The numbers of new exceptions count on the stream as it was loaded.
        return (Write(stream("batch", run.batch), drafts, seq),) if drafts else ()
