"""A limit changes only with a new version of its master: the approved one, and a batch that runs on it, keep theirs."""

import pytest

from mes.errors import Refusal
from mes.masters.model import Master
from mes.masters.staffing import staffing
from mes.masters.training import TrainingService
from mes.people.model import Role
from mes.people.training.model import Subject, SubjectKind
from tests.masters.builders import GOOD, changed
from tests.masters.conftest import Office

FILE = GOOD.encode()
CHANGES = {
    "a value's lower limit": ('low: "36.5", high: "37.5"', 'low: "30.0", high: "37.5"'),
    "a value's upper limit": ("low: 80, high: 120", "low: 80, high: 500"),
    "an expected answer": ("expected: pass", "expected: fail"),
    "a monitored limit": ("low: 36, high: 38", "low: 36, high: 42"),
    "how long a limit may be broken": ("persist_min: 10", "persist_min: 600"),
    "a severity": ('high: "37.5", severity: critical', 'high: "37.5", severity: minor'),
    "a window": ("absolute: true, min_h: 0, max_h: 2,", "absolute: true, min_h: 0, max_h: 8,"),
}


def limits(master: Master) -> list[tuple[object, ...]]:
    return [
        (one.id, one.parameters, one.monitored, one.windows)
        for one in master.steps
    ]  # fmt: skip


@pytest.mark.rule("REG-A11-10", negative=True)
@pytest.mark.parametrize("what", CHANGES)
def test_a_limit_of_an_approved_version_cannot_be_edited(office: Office, what: str) -> None:
    office.imports(FILE)
    office.approves()
    before, size = limits(office.masters.approved("small", 1)), office.house.ledger.size
    with pytest.raises(Refusal, match="master-approved-already"):
        office.imports(changed(*CHANGES[what]))
    assert (limits(office.masters.approved("small", 1)), office.house.ledger.size) == (before, size)


@pytest.mark.rule("REG-A11-10")
def test_a_limit_changes_with_a_version_that_qa_approved(office: Office) -> None:
    office.imports(FILE)
    office.approves()
    wider = changed("low: 80, high: 120", "low: 80, high: 500").replace(b"version: 1", b"version: 2", 1)
    office.imports(wider)
    assert office.masters.startable("small", 1).version == 1  # a draft changes nothing
    office.approves(version=2)
    old, new = (office.masters.approved("small", version).step("S2").parameter("cells") for version in (1, 2))
    assert (str(old.high), str(new.high)) == ("120", "500")


@pytest.mark.rule("PRA-20", "REG-P11-10i", negative=True)
def test_a_new_version_has_nobody_trained_on_it(office: Office) -> None:
    house = office.house
    training = TrainingService(house.ledger, house.clock, house.signing, house.people, office.masters)
    office.imports(FILE)
    office.approves()
    needed = staffing(office.masters.approved("small", 1)).by_role
    people = [house.employ(f"p{nth}.{role[:6]}", Role(role)) for role, count in needed.items() for nth in range(count)]
    house.train(people, Subject(SubjectKind.MASTER, "small", 1))
    assert training.crew("small", 1).lacking == ()
    office.imports(FILE.replace(b"version: 1", b"version: 2", 1))
    office.approves(version=2)
    crew = training.crew("small", 2)
    assert crew.lacking
    assert {role: len(found) for role, found in crew.trained.items()} == dict.fromkeys(needed, 0)
    assert all(crew.untrained[role] for role in needed)
    assert [one.subject.version for one in training.crews()] == [2]
