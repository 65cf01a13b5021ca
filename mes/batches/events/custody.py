"""Facts of identity and custody about one batch: donation, containers, labels, handovers, bedside, infusion."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mes.ledger.events import Event

__all__ = [
    "BedsideChecked",
    "ContainerFilled",
    "ContainersReconciled",
    "CustodyHandedOver",
    "CustodyTakenOver",
    "DonationIdentified",
    "Infused",
    "InfusionStarted",
    "IssueGoGiven",
    "LabelIssued",
    "LabelsReconciled",
]


@dataclass(frozen=True)
class DonationIdentified(Event):
    """The donation identification number of the collected bag was bound to the chain of identity."""

    tag: ClassVar[str] = "batch:donation:identified"
    din: str
    container: str


@dataclass(frozen=True)
class ContainerFilled(Event):
    """The product bag exists: volume, dose and the moment its shelf life ends."""

    tag: ClassVar[str] = "batch:container:filled"
    container: str
    volume: str
    dose: str
    expiry: datetime


@dataclass(frozen=True)
class ContainersReconciled(Event):
    """What became of the formulated volume; all in mL, the parts add up to `formulated`."""

    tag: ClassVar[str] = "batch:containers:reconciled"
    formulated: str
    product: str
    quality_control: str
    retained: str
    backup: str
    waste: str


@dataclass(frozen=True)
class LabelIssued(Event):
    """A label was printed; its text holds vault placeholders, never a name."""

    tag: ClassVar[str] = "batch:label:issued"
    serial: str
    container: str
    payload: str
    text: tuple[str, ...]


@dataclass(frozen=True)
class LabelsReconciled(Event):
    """Printed = used + destroyed + missing, by another person than the one who printed."""

    tag: ClassVar[str] = "batch:labels:reconciled"
    used: tuple[str, ...]
    destroyed: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class CustodyHandedOver(Event):
    """A person handed a container over at a place."""

    tag: ClassVar[str] = "batch:custody:handed_over"
    handover: str
    container: str
    place: str
    condition: str


@dataclass(frozen=True)
class CustodyTakenOver(Event):
    """Another person took the container over; temperatures as read from the logger."""

    tag: ClassVar[str] = "batch:custody:taken_over"
    handover: str
    container: str
    place: str
    condition: str
    lowest_celsius: str | None = None
    highest_celsius: str | None = None
    limit: str | None = None
    within: bool | None = None


@dataclass(frozen=True)
class IssueGoGiven(Event):
    """The clinician said that the patient is ready: present, no new infection, LD given, line patent, premedication."""

    tag: ClassVar[str] = "batch:issue:go"
    container: str
    checks: tuple[str, ...]


@dataclass(frozen=True)
class BedsideChecked(Event):
    """One of two persons compared wristband and bag at the bedside."""

    tag: ClassVar[str] = "batch:bedside:checked"
    container: str
    checker: int


@dataclass(frozen=True)
class InfusionStarted(Event):
    """The infusion began: the vein-to-vein clock stops here."""

    tag: ClassVar[str] = "batch:infusion:started"
    container: str


@dataclass(frozen=True)
class Infused(Event):
    """The product was infused; `outcome` is complete, partial, stopped for reaction or bag failure."""

    tag: ClassVar[str] = "batch:infused"
    container: str
    started: datetime
    ended: datetime
    volume_ml: str
    outcome: str
