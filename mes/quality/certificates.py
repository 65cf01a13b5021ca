"""Certificates as objects of the record: what is issued, what the QP register holds, and reading one back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from mes.batches import events as ev
from mes.batches.model import BatchState
from mes.ids import Stream, stream
from mes.ledger.entry import Ref, Write
from mes.ledger.events import Event, decode_event
from mes.ledger.store import Ledger
from mes.people.model import Person
from mes.quality.events import CertificateIssued, CertificateRegistered
from mes.quality.gate.model import Stage
from mes.signatures.meanings import TEXTS, Meaning

REGISTER: Stream = stream("register", "qp")
RELIED_ON = (
    ev.ResultEntered.tag,
    ev.ResultReviewed.tag,
    ev.ReviewSigned.tag,
    ev.DeviationApproved.tag,
    ev.ContainerFilled.tag,
    ev.LabelsReconciled.tag,
)
"""Entries of the batch that a certificate refers to as what it relies on."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as it was signed, with its number in the register."""

    certificate: str
    stage: str
    number: int
    qp: str
    at: datetime
    expiry: datetime
    pending: tuple[str, ...]
    gate: tuple[ev.GateItemJudged, ...]
    confirmations: tuple[str, ...]


def certificate_writes(
    ledger: Ledger, state: BatchState, certified: Event, stage: Stage, person: Person
) -> Sequence[Write]:
    """Return what is written beside a certification: the certificate, referring to what it relies on, and its line.

    Entries of one operation cannot refer to each other's hashes, so the certificate names the certification by its
    place in the batch's stream.
    """
    if not isinstance(certified, ev.BatchCertified):
        raise TypeError("a certificate needs its certification")
    refs: tuple[Ref, ...] = tuple(
        entry.reference for entry in ledger.stream(state.stream) if entry.type in RELIED_ON
    )  # fmt: skip
    issued = CertificateIssued(
        certificate=certified.certificate,
        batch=state.batch,
        stage=stage.value,
        product=state.product,
        coi=state.coi,
        qp=person.name,
        certified_seq=state.next_seq,
        pending=certified.pending,
    )
    meaning = Meaning.QP_PRELIM_CERTIFIED if stage is Stage.PRELIMINARY else Meaning.QP_FINAL_CERTIFIED
    return (
        Write(stream("certificate", certified.certificate), (issued.draft(refs=refs),), 0),
        register_write(ledger, state, certified.certificate, stage, "certified", person, meaning),
    )


def register_write(
    ledger: Ledger, state: BatchState, certificate: str, stage: Stage, outcome: str, person: Person, meaning: Meaning
) -> Write:
    """Return the next line of the QP register. Its number is its seq: the ledger leaves no gap.

    Rule: REG-A16-03.
    """
    line = CertificateRegistered(
        certificate=certificate,
        batch=state.batch,
        product=state.product,
        site=ledger.site,
        stage=stage.value,
        outcome=outcome,
        qp=person.name,
        statement=sha256(TEXTS[meaning].encode()).hexdigest(),
    )
    return Write(REGISTER, (line.draft(),))


def certificate_of(ledger: Ledger, state: BatchState, stage: Stage) -> Certificate | None:
    """Return the batch's certificate of a stage, None if there is none."""
    seq = state.certified_seq.get(stage.value)
    if seq is None:
        return None
    entry = ledger.stream(state.stream, from_seq=seq)[0]
    event = decode_event(entry.type, entry.tv, entry.data)
    if not isinstance(event, ev.BatchCertified):
        raise TypeError(f"{state.stream} {seq} is no certification")
    lines = (number for number, line in enumerate(ledger.stream(REGISTER), 1)
             if line.data["certificate"] == event.certificate)  # fmt: skip
    return Certificate(
        certificate=event.certificate,
        stage=event.stage,
        number=next(lines),
        qp=entry.document["actor"]["name"],
        at=entry.at,
        expiry=event.expiry,
        pending=event.pending,
        gate=event.gate,
        confirmations=event.confirmations,
    )
