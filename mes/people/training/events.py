"""What may be recorded about training, in the stream of the person who was trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mes.ids import PersonId
from mes.ledger.events import Event
from mes.people.training.model import SubjectKind, TrainingResult


@dataclass(frozen=True, slots=True)
class TrainingRecorded(Event):
    """A trainer recorded how a training ended; the entry bears the trainer's signature.

    `version` is 0 for a class of devices. `evidence` is detachable content (test sheet, attendance).
    """

    tag = "person:training:recorded"
    person: PersonId
    kind: SubjectKind
    subject: str
    version: int
    trainer: PersonId
    result: TrainingResult
    valid_until: datetime
    evidence: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class TrainingWithdrawn(Event):
    """A training counts no longer, for the reason in the entry."""

    tag = "person:training:withdrawn"
    person: PersonId
    kind: SubjectKind
    subject: str
    version: int
