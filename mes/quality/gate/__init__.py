"""The release gate: a pure judgement of everything that must be true before a batch is certified, item by item."""

from collections.abc import Callable, Mapping
from datetime import datetime

from mes.batches.model import BatchState
from mes.masters.specification import Specification
from mes.people.model import Person
from mes.people.training.model import Training
from mes.quality.gate import problems, product, record
from mes.quality.gate.model import GateItem, Question, Stage
from mes.quality.gate.trained import people_trained

__all__ = ["gate"]

_JUDGES: tuple[Callable[[Question], GateItem], ...] = (
    record.record_complete,
    record.sequence_intact,
    record.second_checked,
    product.results_in_specification,
    problems.deviations_approved,
    problems.alarms_assessed,
    record.audit_trail_reviewed,
    problems.materials_valid,
    record.labels_reconciled,
    product.identity_unbroken,
    product.integrity_verified,
    problems.no_gap,
    problems.transport_within,
    product.certifier_independent,
    people_trained,
    record.quality_unit_signed,
    product.shelf_life_left,
    product.dose_on_label,
    record.volume_accounted,
)


def gate(
    state: BatchState,
    specification: Specification,
    now: datetime,
    stage: Stage,
    integrity_ok: bool,
    certifier: Person | None = None,
    trained: Mapping[str, tuple[Training, ...]] | None = None,
    unreviewed: tuple[str, ...] = (),
) -> tuple[GateItem, ...]:
    """Judge every item of the gate for this stage, in the order of its numbers.

    `integrity_ok` says whether the batch's entries were verified just now; `certifier` is the person about to sign.
    `trained` is what the entries say of everybody's training on the master; without it nobody counts as trained.
    `unreviewed` names the entries that the review of the audit trail did not see.
    Rule: regulation catalogue section A, PRA-04, REG-ATMP-14, REG-ATMP-15.
    """
    asked = Question(state, specification, now, stage, integrity_ok, certifier, trained or {}, unreviewed)
    items = [judge(asked) for judge in _JUDGES] + list(problems.unmonitored()) + list(record.continued(asked))
    return tuple(sorted(items, key=lambda item: item.item))
