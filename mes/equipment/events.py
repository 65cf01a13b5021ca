"""Facts about devices. In `equipment/<id>`: register, qualification, who holds it; in `run/<id>`: the rest.

An allocation stands in both streams: in the device's, where it excludes a second patient, and in the run's, where
it belongs to the batch record.
"""

from dataclasses import dataclass
from datetime import datetime

from equipment_drivers.readings import CommandResult, CommandVerb, LinkState, UnitState
from mes.equipment.model import Argument, Binding
from mes.ids import BatchId, EquipmentId, RunId
from mes.ledger.events import Event


@dataclass(frozen=True, slots=True)
class EquipmentRegistered(Event):
    """A device was entered, or entered anew because its binding changed."""

    tag = "equipment:device:registered"
    equipment: EquipmentId
    device_class: str
    model: str
    serial: str
    binding: Binding
    simulated: bool
    endpoint: str | None = None
    nodemap: str | None = None
    server_thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class NodeMapApproved(Event):
    """QA approved, by signature, how the device's values are read."""

    tag = "equipment:nodemap:approved"
    equipment: EquipmentId
    digest: str


@dataclass(frozen=True, slots=True)
class EquipmentQualified(Event):
    """The device is qualified as bound now (`nodemap`), until `until`."""

    tag = "equipment:device:qualified"
    equipment: EquipmentId
    until: datetime
    nodemap: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceAllocated(Event):
    """The device serves one patient's run from now on."""

    tag = "equipment:device:allocated"
    run: RunId
    device: EquipmentId
    batch: BatchId
    from_: datetime


@dataclass(frozen=True, slots=True)
class DeviceReleased(Event):
    """The run is over; what the device sends from `to` on belongs to nobody's batch."""

    tag = "equipment:device:released"
    run: RunId
    device: EquipmentId
    batch: BatchId
    to: datetime


@dataclass(frozen=True, slots=True)
class CommandRequested(Event):
    """Something was asked of the device; it is sent at most once."""

    tag = "equipment:command:requested"
    command: str
    device: EquipmentId
    run: RunId
    verb: CommandVerb
    args: tuple[Argument, ...]
    step: str | None = None


@dataclass(frozen=True, slots=True)
class CommandOutcomeRecorded(Event):
    """What became of a command. UNKNOWN: it may or may not have worked; a person looks at the device."""

    tag = "equipment:command:outcome"
    command: str
    device: EquipmentId
    run: RunId
    verb: str
    result: CommandResult
    detail: str


@dataclass(frozen=True, slots=True)
class UnitStateChanged(Event):
    """The unit went from one neutral state to another."""

    tag = "equipment:unit:state"
    device: EquipmentId
    run: RunId
    state: UnitState
    previous: UnitState


@dataclass(frozen=True, slots=True)
class AlarmChanged(Event):
    """One transition of one alarm of the device, in the device's own words."""

    tag = "equipment:alarm:changed"
    device: EquipmentId
    run: RunId
    code: str
    event_id: str
    message: str
    severity: int
    active: bool
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class DeviceLinkChanged(Event):
    """What is known of the connection changed."""

    tag = "equipment:link:changed"
    device: EquipmentId
    run: RunId
    state: LinkState
    detail: str


@dataclass(frozen=True, slots=True)
class GapRecorded(Event):
    """Samples of `tags` (empty: of all) may be missing between two times. To be assessed by a person."""

    tag = "equipment:gap:recorded"
    device: EquipmentId
    run: RunId
    cause: str
    from_: datetime
    to: datetime
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TelemetrySealed(Event):
    """The samples of one device and hour; `root` over the chunk digests, ordered by tag (record-format.md 4)."""

    tag = "telemetry:window:sealed"
    device: EquipmentId
    run: RunId
    from_: datetime
    to: datetime
    count: int
    root: str
