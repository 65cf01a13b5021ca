"""Facts about patients that the ledger may hold: known, looked at, restricted, forgotten; and a vault's new key."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mes.ids import PersonId
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


@dataclass(frozen=True)
class ErasureRequested(Event):
    """QA asks, on a ground of the closed list, that a patient be forgotten; the reason says on whose request."""

    tag: ClassVar[str] = "patient:erasure:requested"
    patient: str
    ground: str


@dataclass(frozen=True)
class ErasureRefused(Event):
    """The answer to a request while the law demands the data: `basis`, and until when it does. Rule: REG-PRV-02."""

    tag: ClassVar[str] = "patient:erasure:refused"
    patient: str
    basis: str
    until: datetime


@dataclass(frozen=True)
class PatientRestricted(Event):
    """From now on the patient is revealed only to protect them, or where the law demands it. Rule: REG-PRV-02."""

    tag: ClassVar[str] = "patient:restricted"
    patient: str


@dataclass(frozen=True)
class PatientForgotten(Event):
    """The vault destroys the patient's data key: nobody can say any more who this was.

    `requester` asked for it on `ground`, the entry's actor is a second person. Rule: SEC-54.
    """

    tag: ClassVar[str] = "patient:forgotten"
    patient: str
    ground: str
    requester: PersonId


@dataclass(frozen=True)
class VaultRekeyed(Event):
    """Every data key of the vault is wrapped by a new key; both keys by fingerprint (hex). Wristband digests stay."""

    tag: ClassVar[str] = "site:vault:rekeyed"
    key: str
    previous: str
