"""The rules of the audit-trail review: what belongs to it, who may do it, when it may be signed, and its deferral."""

from collections import Counter
from collections.abc import Iterable, Sequence

from mes.batches import events as ev
from mes.batches.decide.acts import CLOSED_BY_ACT
from mes.batches.model import BatchState
from mes.errors import Refusal
from mes.ids import StepId
from mes.ledger.entry import Entry
from mes.quality.trail.model import Trail
from mes.quality.trail.risk import findings

REVIEWING = ("batch:trail:examined", "batch:trail:deferred")
"""Acts of the review itself; they make nobody involved and need no review."""
IMMATERIAL = (
    *REVIEWING,
    "batch:review:signed",
    "batch:forecast:made",
    "batch:certified",
    "batch:certificate:questioned",
    "batch:certificate:upheld",
    "batch:certificate:withdrawn",
    "batch:certification:refused",
    "batch:release:assigned",
    "certificate:issued",
    "container:released",
    "telemetry:window:sealed",
    "equipment:device:released",
)
"""Entries of a batch that need no (further) review of the trail: reviews and what follows from them, and forecasts."""


def trail_of(state: BatchState, entries: Iterable[Entry]) -> Trail:
    """Arrange a batch's trail for its reviewer: the risky first, the rest counted by type. Rule: REG-A11D-12-7."""
    ordered = tuple(sorted(entries, key=lambda entry: entry.index))
    found = findings(state, ordered)
    risky = {one.entry.index for one in found}
    rest = Counter(entry.type for entry in ordered if entry.index not in risky)
    that_matter = (entry.index for entry in ordered if entry.index in risky or matters(state, entry))
    return Trail(ordered, found, dict(sorted(rest.items())), max(that_matter, default=-1))


def matters(state: BatchState, entry: Entry) -> bool:
    """Tell whether an entry of the batch's own streams has to be reviewed before the batch is certified."""
    if entry.type in IMMATERIAL:
        return False
    if entry.stream.startswith(("person/", "site/")):
        return False
    if entry.type in ("batch:step:started", "batch:step:completed"):
        step = state.steps.get(StepId(entry.data["step"]))
        return step is None or step.step.act not in CLOSED_BY_ACT
    return True


def newer_than_review(state: BatchState, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that matter and that the last review did not see."""
    return tuple(entry for entry in entries if entry.index > state.trail_reviewed_to and matters(state, entry))


def involvement(entries: Sequence[Entry], person: str) -> Entry | None:
    """Return the first entry in scope that a person recorded, the reviews of the trail aside. Rule: REG-A11D-12-6."""
    for entry in entries:
        if entry.document["actor"]["id"] == person and not _is_review(entry):
            return entry
    return None


def examine(state: BatchState, trail: Trail, index: int, comment: dict[str, object] | None) -> ev.TrailExamined:
    """Open one entry of the trail, perhaps with a comment; refuses `trail-entry-unknown`."""
    if not any(entry.index == index for entry in trail.entries):
        raise Refusal("trail-entry-unknown", status=404, index=index, batch=state.batch)
    return ev.TrailExamined(index, comment)


def sign(state: BatchState, trail: Trail, person: str) -> ev.TrailReviewSigned:
    """Sign the review of the trail up to its newest entry that matters.

    Refuses `reviewer-in-scope`, naming the event; `trail-unopened` until this person opened every critical entry;
    `trail-nothing-new` where the last review already went as far. Rule: REG-A11D-12-6, REG-DI-04, REG-DI-09.
    """
    own = involvement(trail.entries, person)
    if own is not None:
        raise Refusal("reviewer-in-scope", index=own.index, type=own.type, at=own.document["at"])
    if "audit_trail" in state.reviews and trail.up_to <= state.trail_reviewed_to:
        raise Refusal("trail-nothing-new", up_to=state.trail_reviewed_to, by=state.reviews["audit_trail"].name)
    left = unopened(state, trail, person)
    if left:
        raise Refusal("trail-unopened", count=len(left), entries=", ".join(map(str, left)))
    counted = tuple(ev.RiskCount(risk.value, count) for risk, count in trail.counts.items())
    return ev.TrailReviewSigned("audit_trail", trail.up_to, len(trail.entries), len(trail.critical), counted)


def unopened(state: BatchState, trail: Trail, person: str) -> tuple[int, ...]:
    """Return the critical entries that this person has not opened yet."""
    return tuple(
        one.entry.index
        for one in trail.critical
        if person not in state.trail_examined.get(one.entry.index, frozenset())
    )


def defer(state: BatchState, stage: str, reason: str | None, newer: Sequence[Entry]) -> ev.TrailReviewDeferred:
    """Let the preliminary certification go before the review, for a reason; the final one never does.

    Refuses `reason-missing`, `trail-final-not-deferred`, `certified-already`, `trail-nothing-new` where nothing waits
    for a review. Rule: REG-A11D-12-8.
    """
    if not reason:
        raise Refusal("reason-missing", status=422)
    if stage != "preliminary":
        raise Refusal("trail-final-not-deferred", batch=state.batch)
    if stage in state.certificates:
        raise Refusal("certified-already", certificate=state.certificates[stage])
    signer = state.reviews.get("audit_trail")
    if signer is not None and not newer:
        raise Refusal("trail-nothing-new", up_to=state.trail_reviewed_to, by=signer.name)
    return ev.TrailReviewDeferred(stage)


def _is_review(entry: Entry) -> bool:
    return entry.type in REVIEWING or (entry.type == "batch:review:signed" and entry.data["kind"] == "audit_trail")
