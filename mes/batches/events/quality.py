"""Facts of quality about one batch: results, reviews, certification and release."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from mes.ledger.events import Event

__all__ = [
    "BatchCertified",
    "CertificateQuestioned",
    "CertificateUpheld",
    "CertificateWithdrawn",
    "CertificationRefused",
    "GateItemJudged",
    "ReleaseAssigned",
    "ResultEntered",
    "ResultFailedLate",
    "ResultReviewed",
    "ReviewSigned",
    "RiskCount",
    "TrailExamined",
    "TrailReviewDeferred",
    "TrailReviewSigned",
]


@dataclass(frozen=True)
class ResultEntered(Event):
    """An analyst entered a result; judged once against the specification by `rule` at `rule_version`."""

    tag: ClassVar[str] = "batch:result:entered"
    specification: str
    item: str
    value: str
    unit: str | None
    limit: str
    passed: bool
    rule: str
    rule_version: int
    supersedes: int | None = None
    note: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class ResultReviewed(Event):
    """A reviewer who is not the analyst approved the result."""

    tag: ClassVar[str] = "batch:result:reviewed"
    item: str
    result_seq: int


@dataclass(frozen=True)
class ResultFailedLate(Event):
    """A deferred result came back out of specification after certification: the bag stops (PRA-01)."""

    tag: ClassVar[str] = "batch:result:failed_late"
    item: str
    result_seq: int


@dataclass(frozen=True)
class ReviewSigned(Event):
    """A review of the record was signed; `kind` is production, qc, audit_trail or qa."""

    tag: ClassVar[str] = "batch:review:signed"
    kind: str


@dataclass(frozen=True)
class RiskCount:
    """How many entries of one class of risk a reviewer of the audit trail had before them."""

    risk: str
    count: int


@dataclass(frozen=True)
class TrailReviewSigned(ReviewSigned):
    """The review of the audit trail, of `entries` entries up to the ledger's entry `up_to`; `opened` were critical."""

    tag: ClassVar[str] = "batch:review:signed"
    tv: ClassVar[int] = 2
    up_to: int
    entries: int
    opened: int
    counted: tuple[RiskCount, ...] = ()


@dataclass(frozen=True)
class TrailExamined(Event):
    """A reviewer opened one entry of the audit trail, by its index; `comment` is detachable content."""

    tag: ClassVar[str] = "batch:trail:examined"
    index: int
    comment: Mapping[str, object] | None = None


@dataclass(frozen=True)
class TrailReviewDeferred(Event):
    """QA let one stage of certification go before the review of the audit trail; the reason stands in the entry."""

    tag: ClassVar[str] = "batch:trail:deferred"
    stage: str


@dataclass(frozen=True)
class GateItemJudged:
    """One item of the release gate as it stood when the certificate was signed, in the words of the gate."""

    item: str
    title: str
    status: str
    detail: str
    acknowledged: bool = False


@dataclass(frozen=True)
class BatchCertified(Event):
    """A Qualified Person certified the batch; `stage` is preliminary or final."""

    tag: ClassVar[str] = "batch:certified"
    certificate: str
    stage: str
    expiry: datetime
    pending: tuple[str, ...]
    gate: tuple[GateItemJudged, ...]
    confirmations: tuple[str, ...] = ()


@dataclass(frozen=True)
class CertificationRefused(Event):
    """A Qualified Person refused certification; the reason stands in the entry."""

    tag: ClassVar[str] = "batch:certification:refused"
    stage: str
    certificate: str | None = None


@dataclass(frozen=True)
class CertificateQuestioned(Event):
    """Something that certificates relied on was corrected: they stand, in question, until a QP decides."""

    tag: ClassVar[str] = "batch:certificate:questioned"
    certificates: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class CertificateUpheld(Event):
    """A Qualified Person decided that the certificate stands; the product is again what it was, `disposition`."""

    tag: ClassVar[str] = "batch:certificate:upheld"
    certificate: str
    stage: str
    disposition: str
    gate: tuple[GateItemJudged, ...]


@dataclass(frozen=True)
class CertificateWithdrawn(Event):
    """A Qualified Person withdrew the certificate; the reason stands in the entry."""

    tag: ClassVar[str] = "batch:certificate:withdrawn"
    certificate: str
    stage: str


@dataclass(frozen=True)
class ReleaseAssigned(Event):
    """The certified product was given the status released: the third of three separate acts."""

    tag: ClassVar[str] = "batch:release:assigned"
    certificate: str
    containers: tuple[str, ...]
