"""The rules of quality: who enters, reviews, certifies, refuses and releases, and what follows from a late failure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mes.batches import events as ev
from mes.batches.decide.acts import close_by_act, may_close
from mes.batches.decide.conflicts import Part, keep_apart
from mes.batches.decide.problems import opened
from mes.batches.model import BatchState, Disposition, Phase, ResultState
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Act, BatchKind, Severity
from mes.masters.specification import Specification
from mes.quality.gate.model import TO_ACKNOWLEDGE, GateItem, GateStatus, Stage
from mes.quality.judging import RULE, RULE_VERSION, judge_result
from mes.quality.panel import failed_items, pending_items
from mes.quality.statements import CONFIRMATIONS, REVIEWS


def enter_result(
    state: BatchState, specification: Specification, item_id: str, value: str, unit: str | None, reason: str | None
) -> tuple[Event, ...]:
    """Enter a result: the ResultEntered to sign comes first, then what follows from a failure.

    Refuses `reason-missing` where it replaces an earlier result, and what judging refuses. A failure opens a critical
    deviation; after certification it also puts the batch on hold and the certificate in question, at once and
    without waiting for the review. Rule: PRA-01, REG-ATMP-16.
    """
    item = specification.item(item_id)
    judged = judge_result(item, value, unit)
    earlier = state.results.get(item_id)
    if earlier is not None and not reason:
        raise Refusal("reason-missing", status=422)
    entered = ev.ResultEntered(
        specification.reference, item_id, judged.value, judged.unit, judged.limit, judged.passed, RULE, RULE_VERSION,
        earlier.seq if earlier else None, judged.note or None, specification.digest or None,
    )  # fmt: skip
    failed_before = set(failed_items(state, specification))
    failed = [one for one in failed_items(_with(state, entered), specification) if one not in failed_before]
    # A retest of a failed item that fails again is a failure of its own.
    failed += [item_id] if item_id in failed_before and not judged.passed else []
    events: list[Event] = [entered]
    if failed and state.certificates:
        events.append(ev.ResultFailedLate(item_id, state.next_seq))
    told = f"{item.label}: {judged.value}{f' {judged.unit}' if judged.unit else ''}, limit {judged.limit}"
    for nth, _ in enumerate(failed):
        events += opened(state, "result", Severity.CRITICAL.value, told, nth=nth)
    return tuple(events)


def review_result(state: BatchState, specification: Specification, item_id: str, person: str) -> tuple[Event, ...]:
    """Approve a result as another person.

    Refuses `result-not-entered`, `result-reviewed`, `same-person`. Rule: 21 CFR 211.194(a)(8).
    """
    specification.item(item_id)
    result = state.results.get(item_id)
    if result is None:
        raise Refusal("result-not-entered", item=item_id)
    if result.reviewer is not None:
        raise Refusal("result-reviewed", item=item_id)
    keep_apart(Part.ANALYSED, Part.RESULT_REVIEWED, person, result.analyst)
    return (ev.ResultReviewed(item_id, result.seq),)


def review(state: BatchState, kind: str, person: str) -> tuple[Event, ...]:
    """Sign a review of the record; QA's comes last and closes the review step.

    Refuses `review-unknown`, `step-predecessors-open`, `review-signed` (nothing new came since), `reviewer-took-part`
    for the audit trail, `reviews-missing` for QA's. Rule: REG-A11D-12-6, REG-A11D-12-8, 21 CFR 211.192.
    """
    if kind not in REVIEWS:
        raise Refusal("review-unknown", status=422, choices=", ".join(REVIEWS))
    may_close(state, Act.REVIEW)
    before = state.reviews.get(kind)
    if before is not None and all(one.index < before.index for one in state.exceptions.values()):
        raise Refusal("review-signed", kind=REVIEWS[kind].title, by=before.name)
    if kind == "audit_trail" and person in state.took_part:
        raise Refusal("reviewer-took-part", parts=", ".join(sorted(state.took_part[person])))
    if kind != "qa":
        return (ev.ReviewSigned(kind),)
    excused = ("qa", "audit_trail") if state.trail_deferred else ("qa",)
    missing = [REVIEWS[one].title for one in REVIEWS if one not in state.reviews and one not in excused]
    if missing:
        raise Refusal("reviews-missing", missing=", ".join(missing))
    return (ev.ReviewSigned(kind), *close_by_act(state, Act.REVIEW))


@dataclass(frozen=True, slots=True)
class Certification:
    """What a Qualified Person asks for: the stage, what they confirm in person, which gate items they acknowledge."""

    stage: Stage
    confirmations: tuple[str, ...]
    acknowledged: tuple[str, ...]


def certify(
    state: BatchState, specification: Specification, asked: Certification, items: Sequence[GateItem]
) -> tuple[Event, ...]:
    """Certify a batch at one stage, on the gate as judged for the person who signs.

    Refuses `batch-kind-never-released`, `certified-already`, `certification-refused`, `preliminary-missing`,
    `not-released`, `confirmations-missing`, `gate-not-met`, `gate-not-acknowledged`. The gate is recorded with the
    certificate.
    Rule: REG-ATMP-14, REG-ATMP-15, REG-A16-01, PRA-04.
    """
    if state.master.kind is not BatchKind.PATIENT:
        raise Refusal("batch-kind-never-released", kind=state.master.kind.value)
    if asked.stage.value in state.certificates:
        raise Refusal("certified-already", certificate=state.certificates[asked.stage.value])
    if state.disposition in (Disposition.REFUSED, Disposition.WITHDRAWN):
        raise Refusal("certification-refused", batch=state.batch)
    if asked.stage is Stage.FINAL and Stage.PRELIMINARY.value not in state.certificates:
        raise Refusal("preliminary-missing", batch=state.batch)
    if asked.stage is Stage.FINAL and state.disposition is Disposition.CERTIFIED_PRELIMINARY:
        raise Refusal("not-released", container=", ".join(state.filled), disposition=state.disposition.value)
    lacking = [text for code, text in CONFIRMATIONS.items() if code not in asked.confirmations]
    if lacking:
        raise Refusal("confirmations-missing", status=422, missing=" ".join(lacking))
    closed = [f"{one.item} {one.title}: {one.detail}" for one in items if one.status in _CLOSING]
    if closed:
        raise Refusal("gate-not-met", items="; ".join(closed))
    unseen = [one.item for one in items if one.status in TO_ACKNOWLEDGE and one.item not in asked.acknowledged]
    if unseen:
        raise Refusal("gate-not-acknowledged", items=", ".join(unseen))
    if state.expiry_at is None:
        raise Refusal("expiry-unknown", batch=state.batch)
    judged = tuple(
        ev.GateItemJudged(one.item, one.title, one.status.value, one.detail, one.item in asked.acknowledged)
        for one in items
    )
    pending = tuple(one.id for one in pending_items(state, specification))
    certificate = certificate_id(state, asked.stage)
    confirmed = tuple(code for code in CONFIRMATIONS if code in asked.confirmations)
    certified = ev.BatchCertified(certificate, asked.stage.value, state.expiry_at, pending, judged, confirmed)
    closing = close_by_act(state, Act.CERTIFY_FINAL) if asked.stage is Stage.FINAL else ()
    return (certified, *closing)


_CLOSING = (GateStatus.NOT_MET, GateStatus.AT_SIGNING)


def certificate_id(state: BatchState, stage: Stage) -> str:
    """Return the id of the batch's certificate of a stage; one per batch and stage."""
    return f"{state.batch}.C{'P' if stage is Stage.PRELIMINARY else 'F'}"


def refuse(state: BatchState, stage: Stage, reason: str | None) -> tuple[Event, ...]:
    """Refuse certification; the product stays where it is.

    Refuses `reason-missing`, `certification-refused`, `certified-already`. Rule: REG-A16-05.
    """
    if not reason:
        raise Refusal("reason-missing", status=422)
    if state.disposition in (Disposition.REFUSED, Disposition.WITHDRAWN):
        raise Refusal("certification-refused", batch=state.batch)
    if stage.value in state.certificates:
        raise Refusal("certified-already", certificate=state.certificates[stage.value])
    return (ev.CertificationRefused(stage.value, f"{certificate_id(state, stage)}.refused"),)


def assign_release(state: BatchState, now: datetime) -> tuple[Event, ...]:
    """Give the certified product the status released: the third act, which lets it leave quarantine.

    Refuses `not-certified`, `released-already`, `batch-on-hold`, `product-expired`. Rule: REG-ATMP-14, REG-A16-05.
    """
    if state.disposition is Disposition.RELEASED:
        raise Refusal("released-already", batch=state.batch)
    if state.disposition is not Disposition.CERTIFIED_PRELIMINARY:
        raise Refusal("not-certified", disposition=state.disposition.value)
    if state.phase is Phase.HELD:
        raise Refusal("batch-on-hold", reason=state.hold_reason or "")
    if state.expiry_at is None or now >= state.expiry_at:
        raise Refusal("product-expired", expiry=state.expiry_at)
    certificate = state.certificates[Stage.PRELIMINARY.value]
    released = ev.ReleaseAssigned(certificate, tuple(state.filled))
    return (released, *close_by_act(state, Act.CERTIFY_PRELIMINARY))


def _with(state: BatchState, entered: ev.ResultEntered) -> BatchState:
    result = ResultState(
        entered.item, entered.value, entered.unit, entered.passed, "", state.created_at, state.next_seq
    )
    return replace(state, results={**state.results, entered.item: result})
