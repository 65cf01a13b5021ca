"""Facts that quality records outside the batch's stream: the certificate, and the register of certified batches."""

from dataclasses import dataclass
from typing import ClassVar

from mes.ledger.events import Event


@dataclass(frozen=True)
class CertificateIssued(Event):
    """A certificate exists; `certified_seq` is the signed entry in the batch's stream, refs name what it relies on."""

    tag: ClassVar[str] = "certificate:issued"
    certificate: str
    batch: str
    stage: str
    product: str
    coi: str
    qp: str
    certified_seq: int
    pending: tuple[str, ...] = ()


@dataclass(frozen=True)
class CertificateRegistered(Event):
    """One line of the QP register; its number is its seq in `register/qp`, without gaps. Rule: REG-A16-03."""

    tag: ClassVar[str] = "certificate:registered"
    certificate: str
    batch: str
    product: str
    site: str
    stage: str
    outcome: str
    qp: str
    statement: str
