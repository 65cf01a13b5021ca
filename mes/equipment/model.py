"""What a device of the site is to the record: who made it, how it is bound, whether it may be used, who holds it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mes.ids import BatchId, EquipmentId, RunId


class Binding(StrEnum):
    """How the device's data reach the record: over OPC UA, or through the operator's hands."""

    OPCUA = "opcua"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Registration:
    """What was registered. `nodemap` is the SHA-256 of the node map file, `server_thumbprint` of the certificate
    that the device must show (both only over OPC UA); `simulated` is printed wherever the device is named.
    """

    device_class: str
    model: str
    serial: str
    binding: Binding
    simulated: bool
    endpoint: str | None = None
    nodemap: str | None = None
    server_thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class Qualification:
    """The device is fit for use until `until`, as it was bound then."""

    until: datetime
    nodemap: str | None


@dataclass(frozen=True, slots=True)
class Holding:
    """The run, and so the patient, that the device is given to."""

    run: RunId
    batch: BatchId
    since: datetime


@dataclass(frozen=True, slots=True)
class EquipmentState:
    """One device, folded from its stream; `next_seq` is what a write to `equipment/<id>` must reckon with."""

    equipment: EquipmentId
    registration: Registration | None = None
    approved_nodemap: str | None = None
    qualification: Qualification | None = None
    held_by: Holding | None = None
    next_seq: int = 0


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command, as text (a program number, an id)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class OpenCommand:
    """A command of the record whose outcome is not known yet."""

    command: str
    device: EquipmentId
    run: RunId
    verb: str
    args: tuple[Argument, ...]
    requested_at: datetime
