"""One step of a batch as it stands: its values with their judgements, lots, scans and signatures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mes.batches.model.words import StepStatus
from mes.masters.model import Step


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
    """One step of the batch: what its master demands and what was recorded so far.

    `glass`: who let it go on without its verifier (break-glass). `corrected_by`: whose corrections its values hold.
    """

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
    glass: Signer | None = None
    glass_reason: str | None = None
    verified_late: bool = False
    corrected_by: frozenset[str] = frozenset()
    skip_reason: str | None = None

    @property
    def alone(self) -> Signer | None:
        """Return who let the step go on without a second person, None if nobody did or one came later."""
        return self.glass if self.verified_by is None else None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done in this step."""
        return self.status not in (StepStatus.DONE, StepStatus.SKIPPED)
