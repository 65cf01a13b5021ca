"""The results of a batch held against its specification, item by item, for screens, reviews and the gate."""

from dataclasses import dataclass
from enum import StrEnum

from mes.batches.model import BatchState, ResultState
from mes.masters.specification import Operator, Specification, SpecificationItem
from mes.quality.judging import limit_of


class Outcome(StrEnum):
    """Where one item of the specification stands."""

    PENDING = "pending"
    UNREVIEWED = "not reviewed"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PanelRow:
    """One item with its newest result; `analyst` and `reviewer` are person ids."""

    item: str
    label: str
    method: str
    unit: str | None
    limit: str
    deferrable: bool
    value: str | None
    value_unit: str | None
    note: str
    passed: bool | None
    analyst: str | None
    reviewer: str | None
    outcome: Outcome
    member_of: str | None = None
    choices: tuple[str, ...] = ()
    enterable: bool = True


def panel(state: BatchState, specification: Specification) -> tuple[PanelRow, ...]:
    """Return one row per item, in the order of the specification."""
    return tuple(_row(state, specification, item) for item in specification.items)


def outcome_of(state: BatchState, specification: Specification, item: SpecificationItem) -> Outcome:
    """Return where an item stands; one of `any_of` passes as soon as one member does and fails when none can."""
    if item.operator is Operator.ANY_OF:
        found = [outcome_of(state, specification, specification.item(member)) for member in item.members]
        for wanted in (Outcome.PASSED, Outcome.UNREVIEWED, Outcome.PENDING):
            if wanted in found:
                return wanted
        return Outcome.FAILED
    return _of_result(state.results.get(item.id))


def failed_items(state: BatchState, specification: Specification) -> tuple[str, ...]:
    """Return the items, judged by themselves, that failed."""
    return tuple(
        item.id
        for item in specification.top_items()
        if outcome_of(state, specification, item) is Outcome.FAILED
    )  # fmt: skip


def pending_items(state: BatchState, specification: Specification) -> tuple[SpecificationItem, ...]:
    """Return the items, judged by themselves, that have not passed a review yet."""
    waiting = (Outcome.PENDING, Outcome.UNREVIEWED)
    return tuple(item for item in specification.top_items() if outcome_of(state, specification, item) in waiting)


def _of_result(result: ResultState | None) -> Outcome:
    if result is None:
        return Outcome.PENDING
    if not result.passed:
        return Outcome.FAILED
    return Outcome.PASSED if result.reviewer else Outcome.UNREVIEWED


def _row(state: BatchState, specification: Specification, item: SpecificationItem) -> PanelRow:
    result = state.results.get(item.id)
    return PanelRow(
        item=item.id,
        label=item.label,
        method=item.method,
        unit=item.unit,
        limit=limit_of(item),
        deferrable=item.deferrable,
        value=result.value if result else None,
        value_unit=result.unit if result else None,
        note=result.note if result else "",
        passed=result.passed if result else None,
        analyst=result.analyst if result else None,
        reviewer=result.reviewer if result else None,
        outcome=outcome_of(state, specification, item),
        member_of=item.member_of,
        choices=item.choices,
        enterable=item.operator is not Operator.ANY_OF,
    )
