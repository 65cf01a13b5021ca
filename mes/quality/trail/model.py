"""The vocabulary of the audit trail: classes of risk, findings, a batch's trail at one moment, questions to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

from mes.ledger.entry import Entry

PAGE_SIZE = 50
MOST_PER_PAGE = 200


class Risk(StrEnum):
    """Why an entry is read before others; in the order in which the review lists them. Rule: REG-A11D-12-7."""

    CHANGE = "change of data"
    REPEAT = "repeated or aborted"
    OVERRIDE = "manual override"
    IDENTITY = "wrong code scanned"
    ALARM = "alarm or limit break"
    FAILED_SIGNING = "failed signing or sign-in"
    VOIDED = "signature voided"
    TESTIMONY = "testimony"
    CLOCK = "clock step"
    GAP = "gap in the data"
    ACCESS = "change of access"


@dataclass(frozen=True, slots=True)
class Finding:
    """An entry that carries a risk, and why; a critical one has to be opened before the review is signed."""

    entry: Entry
    risk: Risk
    why: str
    critical: bool


@dataclass(frozen=True, slots=True)
class Trail:
    """A batch's trail at one moment: its entries in order, what is risky (the worst first), and the rest by type.

    `up_to` is the index of the newest entry that matters, -1 if none does.
    """

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]
    rest: Mapping[str, int]
    up_to: int

    @property
    def critical(self) -> tuple[Finding, ...]:
        """Return what a reviewer has to open."""
        return tuple(one for one in self.findings if one.critical)

    @property
    def counts(self) -> Mapping[Risk, int]:
        """Return how many entries each class of risk has, nothing left out. Rule: REG-DI-04."""
        found = [one.risk for one in self.findings]
        return {risk: found.count(risk) for risk in Risk if risk in found}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a question, in words: the field and what it must be."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class TrailQuery:
    """A question to the trail of the whole site; every condition that is given must hold.

    `person`, `role`, `batch`, `stream`, `step`, `item` (parameter, specification item, scan), `type` and `risk` are
    exact, but a `type` that ends in `:` means all types that begin so; `reason` is looked for anywhere in the reason,
    in any case; `since` and `until` include their ends.
    """

    person: str | None = None
    role: str | None = None
    batch: str | None = None
    stream: str | None = None
    step: str | None = None
    item: str | None = None
    type: str | None = None
    risk: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    sort: str = "index"
    descending: bool = True
    page: int = 1
    size: int = field(default=PAGE_SIZE)

    def conditions(self) -> Iterator[tuple[str, object]]:
        """Yield the conditions that are given, without how the answer is sorted and paged."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in ("sort", "descending", "page", "size") and value is not None:
                yield one.name, value
