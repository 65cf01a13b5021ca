"""Facts about patients that the ledger may hold: that one is known to the vault, and that somebody looked."""

from dataclasses import dataclass
from typing import ClassVar

from mes.ledger.events import Event


@dataclass(frozen=True)
class PatientEnrolled(Event):
    """The vault knows a patient by `patient`; `wristband` is the keyed digest of the wristband's code."""

    tag: ClassVar[str] = "patient:enrolled"
    patient: str
    wristband: str


@dataclass(frozen=True)
class PatientRevealed(Event):
    """Somebody saw who the patient is, for a purpose of the closed list. Rule: REG-PRV-01."""

    tag: ClassVar[str] = "patient:revealed"
    patient: str
    purpose: str
