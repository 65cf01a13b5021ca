"""How facts of execution change a batch: its beginning, steps, values, scans, materials and device run."""

from dataclasses import replace
from typing import Any

from mes.batches import events as ev
from mes.batches.fold.fact import Fact
from mes.batches.model import BatchState, Binding, Forecast, Phase, StepState, StepStatus
from mes.ids import BatchId, StepId
from mes.masters.model import Master


def begin(fact: Fact, master: Master) -> BatchState:
    """Return the state that `batch:created` begins."""
    event = fact.event
    if not isinstance(event, ev.BatchCreated):
        raise TypeError("a batch begins with batch:created")
    return BatchState(
        batch=BatchId(event.batch), order=event.order, master=master, product=event.product, coi=event.coi,
        binding=Binding(event.binding), simulated=event.simulated, weight_kg=event.weight_kg, dose=event.dose,
        created_at=fact.at, next_seq=fact.seq + 1, patient=event.patient, wristband=event.wristband,
        steps={step.id: StepState(step) for step in master.steps}, people=frozenset({fact.actor}),
        began_earlier=fact.index < 0,
    )  # fmt: skip


def changed(state: BatchState, step: str, **more: Any) -> BatchState:
    """Return the batch with one step changed."""
    step_id = StepId(step)
    return replace(state, steps={**state.steps, step_id: replace(state.steps[step_id], **more)})


def started(state: BatchState, fact: Fact) -> BatchState:
    """A step is under way; a device step becomes the one that watches the device."""
    event: ev.StepStarted = fact.event  # type: ignore[assignment]
    state = changed(
        state, event.step, status=StepStatus.STARTED, started_at=fact.occurred_at, started_by=fact.signer,
        program_requested=event.program, late_reason=fact.reason,
    )  # fmt: skip
    if event.run is None:
        return state
    return replace(state, active_device_step=StepId(event.step))


def scanned(state: BatchState, fact: Fact) -> BatchState:
    """The last scan of its kind counts: matched, or not."""
    event: ev.ScanMatched | ev.ScanMismatched = fact.event  # type: ignore[assignment]
    scans = {**state.steps[StepId(event.step)].scans, event.scan: isinstance(event, ev.ScanMatched)}
    return changed(state, event.step, scans=scans)


def material_used(state: BatchState, fact: Fact) -> BatchState:
    """A lot joins the lots of the step."""
    event: ev.MaterialUsed = fact.event  # type: ignore[assignment]
    return changed(state, event.step, materials=(*state.steps[StepId(event.step)].materials, event.use))


def performed(state: BatchState, fact: Fact) -> BatchState:
    """The performer's values stand, each with the seq of its entry."""
    event: ev.StepPerformed = fact.event  # type: ignore[assignment]
    values = {value.parameter: value for value in event.values}
    return changed(
        state, event.step, status=StepStatus.PERFORMED, performed_by=fact.signer, performed_seq=fact.seq,
        values=values, value_seq=dict.fromkeys(values, fact.seq),
    )  # fmt: skip


def verified(state: BatchState, fact: Fact) -> BatchState:
    """A second person verified the step."""
    event: ev.StepVerified = fact.event  # type: ignore[assignment]
    return changed(state, event.step, verified_by=fact.signer)


def verified_late(state: BatchState, fact: Fact) -> BatchState:
    """A second person verified what was recorded, after the step had gone on without them."""
    event: ev.StepVerifiedLate = fact.event  # type: ignore[assignment]
    return changed(state, event.step, verified_by=fact.signer, verified_late=True)


def glass_broken(state: BatchState, fact: Fact) -> BatchState:
    """The step goes on without its verifier."""
    event: ev.GlassBroken = fact.event  # type: ignore[assignment]
    return changed(state, event.step, glass=fact.signer, glass_reason=fact.reason)


def attested(state: BatchState, fact: Fact) -> BatchState:
    """A further signature stands on the step."""
    event: ev.StepAttested = fact.event  # type: ignore[assignment]
    return changed(state, event.step, attested={**state.steps[StepId(event.step)].attested, event.meaning: fact.signer})


def completed(state: BatchState, fact: Fact) -> BatchState:
    """The step is done; the batch is completed with its last open step."""
    event: ev.StepCompleted = fact.event  # type: ignore[assignment]
    was = state.steps[StepId(event.step)]
    state = changed(state, event.step, status=StepStatus.DONE, completed_at=was.completed_at or fact.occurred_at)
    return _closed_if_last(state)


def skipped(state: BatchState, fact: Fact) -> BatchState:
    """An optional step was left out."""
    event: ev.StepSkipped = fact.event  # type: ignore[assignment]
    state = changed(
        state, event.step, status=StepStatus.SKIPPED, skip_reason=fact.reason, completed_at=fact.occurred_at
    )
    return _closed_if_last(state)


def _closed_if_last(state: BatchState) -> BatchState:
    if any(step.is_open for step in state.steps.values()):
        return state
    return replace(state, phase=Phase.COMPLETED)


def corrected(state: BatchState, fact: Fact) -> BatchState:
    """The new value counts; its entry is now the one that signatures must have seen."""
    event: ev.ValueCorrected = fact.event  # type: ignore[assignment]
    step = state.steps[StepId(event.step)]
    return changed(
        state, event.step, values={**step.values, event.new.parameter: event.new},
        value_seq={**step.value_seq, event.new.parameter: fact.seq}, corrected_by=step.corrected_by | {fact.actor},
    )  # fmt: skip


def run_begun(state: BatchState, fact: Fact) -> BatchState:
    """The batch holds a device."""
    event: ev.RunBegun = fact.event  # type: ignore[assignment]
    return replace(state, run=event.run, equipment=event.equipment)


def run_ended(state: BatchState, fact: Fact) -> BatchState:
    """The batch gave its device back; its signals are watched no more."""
    return replace(state, run_released_at=fact.occurred_at, active_device_step=None, excursions={})


def program_completed(state: BatchState, fact: Fact) -> BatchState:
    """The device finished the program of a step."""
    event: ev.ProgramCompleted = fact.event  # type: ignore[assignment]
    return changed(state, event.step, program_done_at=fact.occurred_at)


def forecast(state: BatchState, fact: Fact) -> BatchState:
    """The newest forecast counts."""
    event: ev.ForecastMade = fact.event  # type: ignore[assignment]
    newest = Forecast(event.after_step, event.infusion_at, event.deadline_at, event.vein_to_vein_h, event.slack_h)
    return replace(state, forecast=newest)
