"""What a person is trained on, and how that stands at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SubjectKind(StrEnum):
    """What a training is about."""

    MASTER = "master"
    DEVICE_CLASS = "device class"
    PROCEDURE = "procedure"


class TrainingResult(StrEnum):
    """How a training ended; `failed` takes away what an earlier one gave."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Subject:
    """One version of a master or procedure, or a class of devices, which has no versions (0)."""

    kind: SubjectKind
    id: str
    version: int = 0

    @property
    def text(self) -> str:
        """Return the subject as it is printed."""
        return f"{self.id} version {self.version}" if self.version else self.id


@dataclass(frozen=True, slots=True)
class Training:
    """One fact of a person's training on one subject; `valid_until` is None where it failed or was withdrawn."""

    at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest fact of one person's training on one subject, as the register shows it."""

    person: str
    subject: Subject
    result: str
    trainer: str
    recorded_at: datetime
    valid_until: datetime | None

    def is_valid(self, at: datetime) -> bool:
        """Tell whether the person may act on the subject at `at`."""
        return self.valid_until is not None and at < self.valid_until


def valid_at(history: Sequence[Training], at: datetime) -> bool:
    """Tell whether a person was trained at `at`: the newest fact up to then counts, and no other.

    `history` is in the order of recording. Rule: REG-P11-10i.
    """
    newest = next((one for one in reversed(history) if one.at <= at), None)
    return newest is not None and newest.valid_until is not None and at < newest.valid_until
