"""What a batch is at one moment: phase, steps, values, problems, results, labels and custody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mes.errors import Refusal
from mes.ids import BatchId, StepId, Stream, stream
from mes.masters.model import Master, Step


class Phase(StrEnum):
    """Where the execution stands."""

    EXECUTING = "executing"
    HELD = "on hold"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class Disposition(StrEnum):
    """What may be done with the product."""

    QUARANTINE = "quarantine"
    CERTIFIED_PRELIMINARY = "certified (preliminary)"
    RELEASED = "released"
    CERTIFIED_FINAL = "certified (final)"
    REFUSED = "refused"
    IN_QUESTION = "certificate in question"


class StepStatus(StrEnum):
    """Where one step stands."""

    PENDING = "pending"
    STARTED = "started"
    PERFORMED = "performed"
    DONE = "done"
    SKIPPED = "skipped"


class Binding(StrEnum):
    """How the device of the batch is bound: over OPC UA, or with the operator as driver (PRA-12)."""

    OPCUA = "opcua"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A limit as judged once, with the rule that judged it; never judged anew by a fold."""

    rule: str
    rule_version: int
    limit: str
    within: bool


@dataclass(frozen=True, slots=True)
class RecordedValue:
    """One value of a step as recorded: text with every digit, UCUM unit code, where it came from."""

    parameter: str
    value: str
    unit: str | None
    source: str
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class MaterialUse:
    """One lot used in a step; `expiry` is the last moment it may be used."""

    material: str
    lot: str
    expiry: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a step, in which role, when, and at which entry."""

    person: str
    name: str
    role: str
    at: datetime
    index: int


@dataclass(frozen=True, slots=True)
class StepState:
    """One step of the batch: what its master demands and what was recorded so far."""

    step: Step
    status: StepStatus = StepStatus.PENDING
    started_at: datetime | None = None
    completed_at: datetime | None = None
    started_by: Signer | None = None
    performed_by: Signer | None = None
    verified_by: Signer | None = None
    attested: Mapping[str, Signer] = field(default_factory=dict)
    values: Mapping[str, RecordedValue] = field(default_factory=dict)
    value_seq: Mapping[str, int] = field(default_factory=dict)
    scans: Mapping[str, bool] = field(default_factory=dict)
    materials: tuple[MaterialUse, ...] = ()
    performed_seq: int | None = None
    program_requested: str | None = None
    program_done_at: datetime | None = None
    late_reason: str | None = None
    skip_reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done in this step."""
        return self.status not in (StepStatus.DONE, StepStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class ExceptionState:
    """Something that did not go as the master says; `kind`: limit, value, alarm, device, window, scan, gap, fact."""

    exception: str
    kind: str
    severity: str
    step: str | None
    what: str
    opened_at: datetime
    occurred_at: datetime
    deviation: str | None = None
    assessed_by: str | None = None
    assessment: str | None = None
    index: int = -1


@dataclass(frozen=True, slots=True)
class DeviationState:
    """A deviation: raised, its impact assessed, approved by QA."""

    deviation: str
    exception: str
    severity: str
    title: str
    raised_by: str
    assessed_by: str | None = None
    impact: str | None = None
    approved_by: str | None = None


def excursion_key(tag: str, limit: str, step: str) -> str:
    """Name the watch of one step on one limit of one signal: what an earlier step left open is not this one's."""
    return f"{tag} {limit} {step}"


@dataclass(frozen=True, slots=True)
class Excursion:
    """A monitored signal that is out of its limits now; `tag` is its `excursion_key`."""

    tag: str
    since: datetime
    step: StepId
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class ResultState:
    """One result of the specification: entered, judged once against `limit`, reviewed by another person."""

    item: str
    value: str
    unit: str | None
    passed: bool
    analyst: str
    entered_at: datetime
    seq: int
    reviewer: str | None = None
    limit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelState:
    """One printed label by serial number: issued, then used, destroyed or missing."""

    serial: str
    container: str
    fate: str | None = None
    issued_by: str = ""
    payload: str = ""
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One filled product container; volume in mL, dose as the label says it."""

    container: str
    volume_ml: str
    dose: str
    expiry_at: datetime
    filled_by: str


@dataclass(frozen=True, slots=True)
class HandoverState:
    """One change of custody: handed over by one person, taken over by another."""

    handover: str
    container: str
    giver: str
    place: str
    taker: str | None = None
    temperatures: str = ""
    within: bool | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the infusion is expected, and what is left until the product's or the promise's deadline."""

    after_step: str
    infusion_at: datetime
    deadline_at: datetime
    vein_to_vein_h: str
    slack_h: str


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
    filled: Mapping[str, ContainerState] = field(default_factory=dict)
    volumes_balanced: bool = False
    infusion_started_at: datetime | None = None
    infusing: str | None = None
    certified_seq: Mapping[str, int] = field(default_factory=dict)

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
