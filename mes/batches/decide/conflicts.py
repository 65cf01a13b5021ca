"""The hard conflicts: which two parts one person never has in the same batch, in one list that QA can read.

Judged at signing time and per batch, by the id of the person, so that a new name or another role changes nothing.
Source: regulation catalogue, section C.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mes.errors import Refusal


class Part(StrEnum):
    """What a person did, or is about to do, about a batch or an object of it."""

    PERFORMED = "performed the step"
    VERIFIED = "verifies the step"
    ATTESTED = "attests the step"
    BROKE_GLASS = "let the step go on alone"
    ANALYSED = "entered the result"
    RESULT_REVIEWED = "reviews the result"
    EXECUTED = "executed, verified or analysed in the batch"
    TRAIL_REVIEWED = "reviews the audit trail"
    CERTIFIED = "certifies the batch"
    MASTER_AUTHORED = "wrote the master"
    MASTER_APPROVED = "approves the master"
    DEVIATION_RAISED = "raised the deviation"
    DEVIATION_ASSESSED = "assessed the deviation"
    DEVIATION_APPROVED = "approves the deviation"
    ACCESS_REQUESTED = "asked for the access"
    ACCESS_APPROVED = "approves the access"
    ACCESS_GRANTED = "grants the access"
    LABEL_PRINTED = "printed the label"
    LABEL_REPRINTED = "prints the label again"
    LABEL_RECONCILED = "reconciles the labels"
    GAVE = "handed the container over"
    TOOK = "takes the container over"
    BEDSIDE_1 = "made the first bedside check"
    BEDSIDE_2 = "makes the second bedside check"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two parts that two people have: who has `first` never has `second` about the same object (`scope`).

    `code` is what a person meets who tries; `where` is the rule that judges it.
    """

    first: Part
    second: Part
    scope: str
    basis: str
    code: str
    where: str


_STEPS = "mes.batches.decide.steps"
_PROBLEMS = "mes.batches.decide.problems"
_QUALITY = "mes.quality.decide"
_LABELS = "mes.custody.labelling"
_ACCESS = "mes.people.decide.access"
CONFLICTS: tuple[Conflict, ...] = (
    Conflict(Part.PERFORMED, Part.VERIFIED, "step", "21 CFR 211.188(b)(11), Annex 11 6", "same-person", _STEPS),
    Conflict(Part.PERFORMED, Part.ATTESTED, "step", "master batch record", "same-person", _STEPS),
    Conflict(Part.BROKE_GLASS, Part.VERIFIED, "step", "section C, break-glass", "same-person", _STEPS),
    Conflict(Part.ANALYSED, Part.RESULT_REVIEWED, "result", "21 CFR 211.194(a)(8)", "same-person", _QUALITY),
    Conflict(Part.EXECUTED, Part.TRAIL_REVIEWED, "batch", "draft Annex 11 12.6", "reviewer-took-part",
             _QUALITY),
    Conflict(Part.EXECUTED, Part.CERTIFIED, "batch", "Annex 16 1.7", "gate-not-met", "mes.quality.gate.product"),
    Conflict(Part.MASTER_AUTHORED, Part.MASTER_APPROVED, "master version", "section C", "master-own",
             "mes.masters.decide"),
    Conflict(Part.DEVIATION_RAISED, Part.DEVIATION_APPROVED, "deviation", "section C", "same-person", _PROBLEMS),
    Conflict(Part.DEVIATION_ASSESSED, Part.DEVIATION_APPROVED, "deviation", "section C", "same-person", _PROBLEMS),
    Conflict(Part.ACCESS_REQUESTED, Part.ACCESS_APPROVED, "request", "section C", "access-same-person", _ACCESS),
    Conflict(Part.ACCESS_REQUESTED, Part.ACCESS_GRANTED, "request", "section C", "access-same-person", _ACCESS),
    Conflict(Part.ACCESS_APPROVED, Part.ACCESS_GRANTED, "request", "section C", "access-same-person", _ACCESS),
    Conflict(Part.LABEL_PRINTED, Part.LABEL_RECONCILED, "label", "21 CFR 211.125", "same-person", _LABELS),
    Conflict(Part.LABEL_PRINTED, Part.LABEL_REPRINTED, "label", "practice PRA-02", "same-person", _LABELS),
    Conflict(Part.GAVE, Part.TOOK, "handover", "section C", "same-person", "mes.custody.handovers"),
    Conflict(Part.BEDSIDE_1, Part.BEDSIDE_2, "infusion", "section C", "same-person", "mes.custody.bedside"),
)  # fmt: skip
"""All of them. Supply out of specification is no act of this release: its conflict (risk evaluation, acceptance by
the physician) joins the list with it."""


def are_apart(first: Part, second: Part) -> bool:
    """Tell whether the two parts take two people, in whatever order they are named."""
    return any({one.first, one.second} == {first, second} for one in CONFLICTS)


def keep_apart(first: Part, second: Part, person: str, *others: str | Iterable[str] | None) -> None:
    """Refuse `same-person` if the person who is about to be `second` is among those who were `first`.

    `others` are person ids, or several, or None where nobody did it. A pair that is not on the list is an error of
    the program.
    """
    if not are_apart(first, second):
        raise LookupError(f"{first.name} and {second.name} are not on the list of conflicts")
    for one in others:
        if one is not None and person in ({one} if isinstance(one, str) else set(one)):
            raise Refusal("same-person", first=first.value, second=second.value)
