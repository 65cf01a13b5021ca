"""Who may import, approve and start which version: the rules as a table."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mes.errors import Refusal
from mes.ids import MasterId, PersonId
from mes.masters import decide
from mes.masters.events import MasterApproved, MasterImported, MasterSuperseded
from mes.masters.findings import Finding
from mes.masters.fold import VersionState, fold
from tests.masters.builders import good

ANNA, BEN = PersonId("P-ANNA"), PersonId("P-BEN")
NOTHING = VersionState(MasterId("small"), 1)
IMPORTED = decide.import_master(NOTHING, good(), "f" * 64, ANNA)
DRAFT = fold(NOTHING, [IMPORTED])
APPROVED = fold(DRAFT, [decide.approve(DRAFT, (), BEN)])
OLD = fold(APPROVED, [MasterSuperseded(MasterId("small"), 1, 2)])
FINDING = Finding.of("step-cycle", "S4", steps="S4 > S6 > S4")


def test_an_import_names_the_bytes_and_the_author() -> None:
    assert isinstance(IMPORTED, MasterImported)
    assert (IMPORTED.digest, IMPORTED.file, IMPORTED.author) == (good().digest, "f" * 64, ANNA)
    assert (DRAFT.digest, DRAFT.author, DRAFT.approved, DRAFT.next_seq) == (good().digest, ANNA, False, 1)


def test_a_draft_may_be_replaced() -> None:
    other = replace(good(), digest="0" * 64)
    again = fold(DRAFT, [decide.import_master(DRAFT, other, "e" * 64, BEN)])
    assert (again.digest, again.author, again.next_seq) == ("0" * 64, BEN, 2)


def test_approval_freezes_the_digest() -> None:
    assert (APPROVED.approved, APPROVED.digest, APPROVED.approver) == (True, good().digest, BEN)


@pytest.mark.rule("REG-ATMP-01")
@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda: decide.import_master(APPROVED, good(), "f" * 64, ANNA), "master-approved-already"),
        (lambda: decide.import_master(OLD, good(), "f" * 64, ANNA), "master-approved-already"),
        (lambda: decide.approve(NOTHING, (), BEN), "master-unknown"),
        (lambda: decide.approve(APPROVED, (), BEN), "master-approved-already"),
        (lambda: decide.approve(DRAFT, (), ANNA), "master-own"),
        (lambda: decide.approve(DRAFT, (FINDING,), BEN), "master-not-clean"),
        (lambda: decide.check_startable(NOTHING), "master-unknown"),
        (lambda: decide.check_startable(DRAFT), "master-not-approved"),
        (lambda: decide.check_startable(OLD), "master-superseded"),
        (lambda: decide.check_approved(DRAFT), "master-not-approved"),
    ],
)
def test_what_is_refused(act: Callable[[], object], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        act()
    assert refused.value.code == code


def test_a_refused_approval_says_what_is_wrong() -> None:
    with pytest.raises(Refusal) as refused:
        decide.approve(DRAFT, (FINDING, FINDING), BEN)
    assert refused.value.facts["count"] == 2
    assert refused.value.facts["first"].startswith("S4: These steps wait for one another")
    assert refused.value.facts["problems"][1]["code"] == "step-cycle"


def test_a_running_batch_keeps_a_superseded_master() -> None:
    assert decide.check_approved(OLD) == good().digest
    decide.check_startable(APPROVED)


def test_only_older_approved_versions_are_superseded() -> None:
    newest = MasterApproved(MasterId("small"), 3, "0" * 64, BEN)
    versions = [APPROVED, replace(OLD, version=2), replace(DRAFT, version=1), replace(APPROVED, version=4)]
    assert decide.supersede(versions, newest) == (MasterSuperseded(MasterId("small"), 1, 3),)


def test_an_unknown_fact_only_counts() -> None:
    assert fold(DRAFT, [None]) == replace(DRAFT, next_seq=2)
