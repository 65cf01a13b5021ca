"""A batch at one moment, as the fold of its stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mes.batches.model.parts import (
    ContainerState,
    DeviationState,
    ExceptionState,
    Excursion,
    Forecast,
    HandoverState,
    LabelState,
    ResultState,
)
from mes.batches.model.steps import Signer, StepState
from mes.batches.model.words import Binding, Disposition, Phase
from mes.errors import Refusal
from mes.ids import BatchId, StepId, Stream, stream
from mes.masters.model import Master


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the fold of its stream."""

    batch: BatchId
    order: str
    master: Master
    product: str
    coi: str
    binding: Binding
    simulated: bool
    weight_kg: str
    dose: str
    created_at: datetime
    next_seq: int
    steps: Mapping[StepId, StepState]
    phase: Phase = Phase.EXECUTING
    disposition: Disposition = Disposition.QUARANTINE
    began_earlier: bool = False
    """Begun in an earlier generation of the ledger, whose tail was lost: flagged and gated (record format 6)."""
    patient: str = ""
    wristband: str | None = None
    din: str | None = None
    run: str | None = None
    equipment: str | None = None
    run_released_at: datetime | None = None
    active_device_step: StepId | None = None
    excursions: Mapping[str, Excursion] = field(default_factory=dict)
    exceptions: Mapping[str, ExceptionState] = field(default_factory=dict)
    deviations: Mapping[str, DeviationState] = field(default_factory=dict)
    results: Mapping[str, ResultState] = field(default_factory=dict)
    labels: Mapping[str, LabelState] = field(default_factory=dict)
    labels_reconciled_by: str | None = None
    containers: tuple[str, ...] = ()
    handovers: Mapping[str, HandoverState] = field(default_factory=dict)
    reviews: Mapping[str, Signer] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)
    expiry_at: datetime | None = None
    issue_go_by: str | None = None
    bedside: tuple[str, ...] = ()
    infused_at: datetime | None = None
    infusion_ended_at: datetime | None = None
    forecast: Forecast | None = None
    hold_reason: str | None = None
    voided: frozenset[int] = frozenset()
    people: frozenset[str] = frozenset()
    took_part: Mapping[str, frozenset[str]] = field(default_factory=dict)
    acted: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    filled: Mapping[str, ContainerState] = field(default_factory=dict)
    volumes_balanced: bool = False
    infusion_started_at: datetime | None = None
    infusing: str | None = None
    questioned_from: Disposition | None = None
    certified_seq: Mapping[str, int] = field(default_factory=dict)
    trail_reviewed_to: int = -1
    trail_examined: Mapping[int, frozenset[str]] = field(default_factory=dict)
    trail_deferred: Mapping[str, Signer] = field(default_factory=dict)
    trail_deferred_reason: str = ""

    @property
    def stream(self) -> Stream:
        """Name the ledger stream of this batch."""
        return stream("batch", self.batch)

    @property
    def vein_start_at(self) -> datetime | None:
        """Return H0, the completion of the collection, or None before it."""
        return self.steps[self.master.start_step].completed_at

    def step(self, step_id: str) -> StepState:
        """Return one step; refuses `step-unknown`."""
        found = self.steps.get(StepId(step_id))
        if found is None:
            raise Refusal("step-unknown", status=404, step=step_id[:40], batch=self.batch)
        return found

    def open_predecessors(self, step_id: str) -> tuple[StepId, ...]:
        """Name the steps that must be done before this one."""
        return tuple(before for before in self.step(step_id).step.after if self.steps[before].is_open)

    def next_steps(self) -> tuple[StepState, ...]:
        """Return the steps that are under way or may begin, in the master's order."""
        return tuple(
            state for state in self.steps.values() if state.is_open and not self.open_predecessors(state.step.id)
        )

    def open_deviations(self) -> tuple[DeviationState, ...]:
        """Return the deviations that QA has not approved."""
        return tuple(found for found in self.deviations.values() if found.approved_by is None)
