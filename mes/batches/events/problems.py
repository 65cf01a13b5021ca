"""Facts of what went otherwise: excursions, exceptions, deviations, holds, and testimony."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mes.ledger.events import Event

__all__ = [
    "BatchHeld",
    "BatchResumed",
    "BatchTerminated",
    "Cause",
    "DeviationApproved",
    "DeviationAssessed",
    "DeviationOpened",
    "ExceptionAssessed",
    "ExceptionOpened",
    "FactReported",
    "LimitExceeded",
    "LimitReturned",
    "SignatureVoided",
]


@dataclass(frozen=True)
class LimitExceeded(Event):
    """A monitored signal left its limits; the first sample out is the evidence."""

    tag: ClassVar[str] = "batch:limit:exceeded"
    step: str
    tag_name: str
    value: str
    unit: str
    limit: str
    source_at: datetime
    rule: str
    rule_version: int
    master: str


@dataclass(frozen=True)
class LimitReturned(Event):
    """The signal is within its limits again."""

    tag: ClassVar[str] = "batch:limit:returned"
    step: str
    tag_name: str
    value: str
    unit: str
    limit: str
    source_at: datetime


@dataclass(frozen=True)
class ExceptionOpened(Event):
    """Something did not go as the master says. `kind`: limit, value, alarm, device, window, scan, gap, fact."""

    tag: ClassVar[str] = "batch:exception:opened"
    exception: str
    kind: str
    severity: str
    what: str
    step: str | None = None
    tag_name: str | None = None


@dataclass(frozen=True)
class ExceptionAssessed(Event):
    """A person assessed an exception; the assessment is detachable content."""

    tag: ClassVar[str] = "batch:exception:assessed"
    exception: str
    assessment: Mapping[str, object]


@dataclass(frozen=True)
class DeviationOpened(Event):
    """A deviation was opened, by a rule or by a person."""

    tag: ClassVar[str] = "batch:deviation:opened"
    deviation: str
    exception: str
    severity: str
    title: str


@dataclass(frozen=True)
class DeviationAssessed(Event):
    """The impact of a deviation was assessed; the text is detachable content."""

    tag: ClassVar[str] = "batch:deviation:assessed"
    deviation: str
    impact: Mapping[str, object]


@dataclass(frozen=True)
class DeviationApproved(Event):
    """QA approved the assessment of a deviation."""

    tag: ClassVar[str] = "batch:deviation:approved"
    deviation: str


@dataclass(frozen=True)
class BatchHeld(Event):
    """Nothing new may start; the reason stands in the entry."""

    tag: ClassVar[str] = "batch:held"
    cause: str


@dataclass(frozen=True)
class BatchResumed(Event):
    """QA let the batch go on."""

    tag: ClassVar[str] = "batch:resumed"
    phase: str


@dataclass(frozen=True)
class BatchTerminated(Event):
    """The batch ended without infusion."""

    tag: ClassVar[str] = "batch:terminated"
    cause: str


@dataclass(frozen=True)
class FactReported(Event):
    """Testimony: something that happened in the world, allowed or not. `account` is detachable content."""

    tag: ClassVar[str] = "batch:fact:reported"
    what: str
    account: Mapping[str, object]
    source: str
    witness: str | None = None
    step: str | None = None


@dataclass(frozen=True)
class Cause:
    """The entry because of which a signature fell."""

    stream: str
    seq: int


@dataclass(frozen=True)
class SignatureVoided(Event):
    """A signature no longer stands because what it showed was corrected, or rests on one that fell."""

    tag: ClassVar[str] = "signature:voided"
    index: int
    cause: Cause
