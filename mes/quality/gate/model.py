"""The vocabulary of the release gate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mes.batches.model import BatchState
from mes.masters.specification import Specification
from mes.people.model import Person
from mes.people.training.model import Training


class Stage(StrEnum):
    """The two stages of certification for a product that cannot wait for every result."""

    PRELIMINARY = "preliminary"
    FINAL = "final"


class GateStatus(StrEnum):
    """How one item stands. Only MET needs nobody; COVERED and NOT MONITORED need the QP's acknowledgement."""

    MET = "MET"
    NOT_MET = "NOT MET"
    COVERED = "COVERED"
    NOT_MONITORED = "NOT MONITORED"
    AT_SIGNING = "JUDGED AT SIGNING"


TO_ACKNOWLEDGE = (GateStatus.COVERED, GateStatus.NOT_MONITORED)


@dataclass(frozen=True, slots=True)
class GateItem:
    """One item of the gate: how it stands and why, what to do next, and the ids that show it."""

    item: str
    title: str
    status: GateStatus
    detail: str
    action: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What the gate is asked: this batch, against this specification, now, for this stage, by this certifier.

    `trained`: by person, every fact of their training on the master of the batch, oldest first.
    """

    state: BatchState
    specification: Specification
    now: datetime
    stage: Stage
    integrity_ok: bool
    certifier: Person | None = None
    trained: Mapping[str, tuple[Training, ...]] = field(default_factory=dict)
    unreviewed: tuple[str, ...] = ()


TITLES: Mapping[str, str] = {
    "G-01": "Record complete and reviewed",
    "G-02": "Sequence intact, no step open",
    "G-03": "Critical manual values checked by a second person",
    "G-04": "Results in specification and reviewed",
    "G-05": "Exceptions and deviations assessed, deviations approved by QA",
    "G-06": "Alarms and limit excursions assessed",
    "G-07": "Audit trail reviewed by a person who took no part",
    "G-08": "Materials and equipment valid at the time of use",
    "G-09": "Labels reconciled",
    "G-10": "Identity unbroken from donation to product",
    "G-11": "Environmental data attached and assessed",
    "G-12": "Site licensed, listed and not suspended",
    "G-13": "People trained at the time of their acts",
    "G-14": "Integrity of the batch's records verified now",
    "G-15": "No gap in the monitored data",
    "G-16": "Storage and transport within limits",
    "G-17": "No open recall or complaint on lots used",
    "G-18": "Qualified Person independent of the batch",
    "G-19": "Quality control unit has signed",
    "G-20": "Shelf life left for transport and ward",
    "G-21": "Dose on the label is the calculated dose of a valid prescription",
    "G-22": "Filled volume accounted for",
    "G-23": "Ledger continued after a lost tail",
}
"""Source: regulation catalogue, section A, and practice PRA-04."""


def met(item: str, detail: str, *evidence: str) -> GateItem:
    """Return the item as met."""
    return GateItem(item, TITLES[item], GateStatus.MET, detail, "", evidence)


def not_met(item: str, detail: str, action: str, *evidence: str) -> GateItem:
    """Return the item as not met, with the next action."""
    return GateItem(item, TITLES[item], GateStatus.NOT_MET, detail, action, evidence)


def covered(item: str, detail: str, *deviations: str) -> GateItem:
    """Return the item as covered by approved deviations, which the QP has to acknowledge."""
    return GateItem(item, TITLES[item], GateStatus.COVERED, detail, "The QP reads and acknowledges it.", deviations)


def not_monitored(item: str, detail: str) -> GateItem:
    """Return the item as one that this release has no data for, which the QP has to acknowledge."""
    action = "Check it outside this system; the QP acknowledges it in the certificate."
    return GateItem(item, TITLES[item], GateStatus.NOT_MONITORED, detail, action)
