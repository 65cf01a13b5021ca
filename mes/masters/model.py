"""A master batch record as frozen data: steps, limits, windows, materials, programs, signatures.

Times are hours (Decimal). H0 is the completion of `start_step`, the end of the leukapheresis.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from mes.errors import Refusal
from mes.ids import MasterId, StepId
from mes.units import Measure


class Severity(StrEnum):
    """What a value outside its limit is: critical opens a deviation, the others an exception."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Source(StrEnum):
    """Where a value comes from."""

    MANUAL = "manual"
    DEVICE = "device"
    CALCULATED = "calculated"


class Kind(StrEnum):
    """What a parameter holds; a flag is answered `yes` or `no`."""

    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    FLAG = "flag"


class Lane(StrEnum):
    """Whose step it is."""

    MANUFACTURING = "manufacturing"
    CLINIC = "clinic"
    QUALITY = "quality"
    TRANSPORT = "transport"


class Act(StrEnum):
    """Which act closes the step; `record` is start, values, complete, and nothing else."""

    RECORD = "record"
    ORDER = "order"
    INTAKE = "intake"
    LYMPHODEPLETION = "lymphodepletion"
    LABEL = "label"
    RESULTS = "results"
    REVIEW = "review"
    CERTIFY_PRELIMINARY = "certify_preliminary"
    CERTIFY_FINAL = "certify_final"
    HANDOVER = "handover"
    INFUSION = "infusion"
    HARVEST_DECISION = "harvest_decision"


class Edge(StrEnum):
    """One of the two instants of a step."""

    STARTED = "started"
    COMPLETED = "completed"


class BatchKind(StrEnum):
    """What a batch is made for (PRA-13); only `patient` can ever be released."""

    PATIENT = "patient"
    PROCESS_VALIDATION = "process validation"
    ENGINEERING = "engineering"
    ASEPTIC_SIMULATION = "aseptic process simulation"
    OPERATOR_QUALIFICATION = "operator qualification"
    COMPARABILITY = "comparability or stability"
    TRAINING = "training"


YES, NO = "yes", "no"
DEFAULT_BASIS = "default"
"""Basis of a limit that is this product's own proposal; any other basis reads `published (source)`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that the step asks for, and when that value is within limits.

    `expected` is the answer of a choice or flag that is within limits (None: any). `tag` proposes the device
    signal of a DEVICE value; `formula` says in words how a CALCULATED value comes about.
    """

    id: str
    label: str
    kind: Kind = Kind.NUMBER
    unit: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    low_inclusive: bool = True
    high_inclusive: bool = True
    choices: tuple[str, ...] = ()
    expected: str | None = None
    severity: Severity = Severity.MAJOR
    source: Source = Source.MANUAL
    required: bool = True
    basis: str = DEFAULT_BASIS
    tag: str | None = None
    formula: str | None = None


@dataclass(frozen=True, slots=True)
class MonitoredLimit:
    """A device signal watched from the start of its step until that step completes, or until `until` starts.

    It counts once outside for `persist_min` minutes. A signal of words (unit.state) has `expected` instead of
    unit and limits: the words that are within limits.
    """

    tag: str
    label: str
    unit: str | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    severity: Severity = Severity.MAJOR
    persist_min: Decimal = Decimal(0)
    expected: tuple[str, ...] = ()
    until: StepId | None = None
    basis: str = DEFAULT_BASIS


@dataclass(frozen=True, slots=True)
class Window:
    """When the edge `of` this step may fall: `min_h` to `max_h` after an edge of another step, or after H0.

    `absolute`: hours since H0; then `after` and `edge` are None. `plan_h` is the planned distance, used by
    the critical path and by forecasts (None: `min_h`, else as soon as the predecessors allow).
    """

    after: StepId | None = None
    edge: Edge | None = None
    min_h: Decimal | None = None
    max_h: Decimal | None = None
    absolute: bool = False
    of: Edge = Edge.STARTED
    plan_h: Decimal | None = None
    severity: Severity = Severity.MAJOR
    basis: str = DEFAULT_BASIS


@dataclass(frozen=True, slots=True)
class Material:
    """A material whose lot (or, for patient material, container) must be scanned in the step."""

    code: str
    label: str
    quantity: Measure | None = None
    patient_material: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """The numbered program that the device runs for the step; it has ended at unit state `follow_state`."""

    number: str
    name: str
    follow_state: str = "COMPLETE"


@dataclass(frozen=True, slots=True)
class EquipmentNeed:
    """A class of equipment that the step needs, and the program it runs there (None: no program)."""

    device_class: str
    program: Program | None = None


@dataclass(frozen=True, slots=True)
class IdentityScan:
    """A code to be scanned that must match: `expects` is e.g. `bag:apheresis`, `wristband`, `bag:product`."""

    id: str
    label: str
    expects: str


class AlsoSigned(NamedTuple):
    """A further signature of a step: meaning (of signatures.Meaning) and role (of people.Role)."""

    meaning: str
    role: str


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """Who signs: performer, verifier (always another person), and further signatures with their meaning."""

    performed: str | None = None
    verified: str | None = None
    also: tuple[AlsoSigned, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step; it may start once every step of `after` is closed, and be skipped if `optional`."""

    id: StepId
    title: str
    instruction: str = ""
    lane: Lane = Lane.MANUFACTURING
    act: Act = Act.RECORD
    after: tuple[StepId, ...] = ()
    duration_h: Decimal = Decimal(0)
    windows: tuple[Window, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    monitored: tuple[MonitoredLimit, ...] = ()
    materials: tuple[Material, ...] = ()
    equipment: tuple[EquipmentNeed, ...] = ()
    scans: tuple[IdentityScan, ...] = ()
    signatures: SignatureRule = SignatureRule()
    optional: bool = False
    ipc: tuple[str, ...] = ()

    def parameter(self, parameter_id: str) -> Parameter:
        """Return one parameter, or refuse with `parameter-unknown`."""
        found = next((one for one in self.parameters if one.id == parameter_id), None)
        if found is None:
            raise Refusal("parameter-unknown", status=404, step=self.id, parameter=parameter_id)
        return found

    @property
    def program(self) -> Program | None:
        """Return the device program of this step, if it runs one."""
        return next((need.program for need in self.equipment if need.program is not None), None)


@dataclass(frozen=True, slots=True)
class Master:
    """A whole master batch record. `body` is its flattened YAML, `digest` the SHA-256 (hex) of `body`.

    H0 is the completion of `start_step`; the vein-to-vein time ends when `infusion_step` starts; the shelf
    life runs from the completion of `expiry_step`; `dose_step` settles the dose on the label (PRA-02).
    `specification` is `<id>.<version>` of the release specification.
    """

    id: MasterId
    version: int
    product: str
    title: str
    steps: tuple[Step, ...]
    start_step: StepId
    infusion_step: StepId
    specification: str
    kind: BatchKind = BatchKind.PATIENT
    target_vein_to_vein_h: Decimal | None = None
    shelf_life_h: Decimal | None = None
    selection_step: StepId | None = None
    dose_step: StepId | None = None
    expiry_step: StepId | None = None
    notes: str = ""
    digest: str = ""
    body: bytes = field(default=b"", repr=False)

    def step(self, step_id: str) -> Step:
        """Return one step, or refuse with `step-unknown`."""
        found = next((one for one in self.steps if one.id == step_id), None)
        if found is None:
            raise Refusal("step-unknown", status=404, master=self.id, step=step_id)
        return found
