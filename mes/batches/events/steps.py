"""Facts of execution: the order, the batch, its steps and values, and what the device did for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mes.batches.model import MaterialUse, RecordedValue
from mes.ledger.events import Event

__all__ = [
    "BatchCreated",
    "ForecastMade",
    "GlassBroken",
    "MaterialUsed",
    "OrderAccepted",
    "OrderPlaced",
    "ProgramAskedAgain",
    "ProgramCompleted",
    "RunBegun",
    "RunEnded",
    "ScanMatched",
    "ScanMismatched",
    "StepAttested",
    "StepCompleted",
    "StepPerformed",
    "StepSkipped",
    "StepStarted",
    "StepVerified",
    "StepVerifiedLate",
    "ValueCorrected",
]


@dataclass(frozen=True)
class OrderPlaced(Event):
    """A clinician ordered a product for a patient, who is named by vault reference only."""

    tag: ClassVar[str] = "order:placed"
    order: str
    product: str
    patient: str
    wristband: str
    weight_kg: str
    dose: str
    clinician: str


@dataclass(frozen=True)
class OrderAccepted(Event):
    """QA opened a batch for the order."""

    tag: ClassVar[str] = "order:accepted"
    order: str
    batch: str


@dataclass(frozen=True)
class BatchCreated(Event):
    """A batch was opened for an order, on a frozen copy of its master, with its chain-of-identity id."""

    tag: ClassVar[str] = "batch:created"
    batch: str
    order: str
    coi: str
    product: str
    patient: str
    wristband: str
    weight_kg: str
    dose: str
    master: str
    master_version: int
    master_digest: str
    specification: str
    binding: str
    simulated: bool


@dataclass(frozen=True)
class StepStarted(Event):
    """A person started a step; `late_by_h` where its window had closed (the entry then holds the reason)."""

    tag: ClassVar[str] = "batch:step:started"
    step: str
    equipment: str | None = None
    run: str | None = None
    program: str | None = None
    late_by_h: str | None = None


@dataclass(frozen=True)
class ScanMatched(Event):
    """A scanned code belongs to this batch's chain of identity."""

    tag: ClassVar[str] = "batch:scan:matched"
    step: str
    scan: str
    expects: str
    found: str


@dataclass(frozen=True)
class ScanMismatched(Event):
    """A scanned code does not belong here: recorded, and the step stops. `found` names no patient."""

    tag: ClassVar[str] = "batch:scan:mismatched"
    step: str
    scan: str
    expects: str
    found: str


@dataclass(frozen=True)
class MaterialUsed(Event):
    """A lot was used in a step."""

    tag: ClassVar[str] = "batch:material:used"
    step: str
    use: MaterialUse


@dataclass(frozen=True)
class StepPerformed(Event):
    """A step's values were confirmed by its performer, each judged once against the executed master."""

    tag: ClassVar[str] = "batch:step:performed"
    step: str
    master: str
    values: tuple[RecordedValue, ...]


@dataclass(frozen=True)
class StepVerified(Event):
    """A second person verified the step."""

    tag: ClassVar[str] = "batch:step:verified"
    step: str


@dataclass(frozen=True)
class GlassBroken(Event):
    """A step goes on although its verifier is absent: break-glass; `missing` is the role that was not there.

    The reason stands in the entry, and the signature has two factors.
    """

    tag: ClassVar[str] = "batch:glass:broken"
    step: str
    missing: str


@dataclass(frozen=True)
class StepVerifiedLate(Event):
    """A second person verified the record of a step that had gone on by break-glass: what is written, not seen."""

    tag: ClassVar[str] = "batch:step:verified_late"
    step: str


@dataclass(frozen=True)
class StepAttested(Event):
    """A further signature that the master demands (QA, physician, recipient) was given on the step."""

    tag: ClassVar[str] = "batch:step:attested"
    step: str
    meaning: str


@dataclass(frozen=True)
class StepCompleted(Event):
    """All that the master demands of the step is there; `at` is the time that windows count from."""

    tag: ClassVar[str] = "batch:step:completed"
    step: str


@dataclass(frozen=True)
class StepSkipped(Event):
    """An optional step was left out, with the reason in the entry."""

    tag: ClassVar[str] = "batch:step:skipped"
    step: str


@dataclass(frozen=True)
class ValueCorrected(Event):
    """A value was corrected by addition: the old one stays readable here and in its own entry."""

    tag: ClassVar[str] = "batch:value:corrected"
    step: str
    old: RecordedValue
    new: RecordedValue
    master: str


@dataclass(frozen=True)
class RunBegun(Event):
    """The batch holds a device from here on."""

    tag: ClassVar[str] = "batch:run:begun"
    run: str
    equipment: str


@dataclass(frozen=True)
class RunEnded(Event):
    """The batch gave its device back."""

    tag: ClassVar[str] = "batch:run:ended"
    run: str
    equipment: str


@dataclass(frozen=True)
class ProgramAskedAgain(Event):
    """After a refused or lost command a person asked the device once more to run the step's program."""

    tag: ClassVar[str] = "batch:program:asked_again"
    step: str
    program: str


@dataclass(frozen=True)
class ProgramCompleted(Event):
    """The device finished the program of a step, or the operator confirmed so where no device is bound."""

    tag: ClassVar[str] = "batch:program:completed"
    step: str
    program: str
    state: str


@dataclass(frozen=True)
class ForecastMade(Event):
    """What the vein-to-vein clock said after a step; informs, never certifies or rejects."""

    tag: ClassVar[str] = "batch:forecast:made"
    after_step: str
    infusion_at: datetime
    deadline_at: datetime
    vein_to_vein_h: str
    slack_h: str
