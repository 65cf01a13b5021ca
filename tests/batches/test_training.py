"""Nobody works on a batch untrained: acts are refused before a secret is asked for; facts and emergencies never are."""

from datetime import timedelta

import pytest

from mes.batches import events as ev
from mes.batches.decide.orders import check_crew
from mes.batches.decide.trained import may_work, subject_of
from mes.batches.decide.values import GivenValue
from mes.batches.fold.participation import ASKS_FOR_TRAINING, PARTS
from mes.errors import Refusal
from mes.ids import PersonId, new_op, stream
from mes.ledger.entry import Write
from mes.ledger.events import REGISTRY
from mes.masters.staffing import shortage, staffing
from mes.people.model import Person, Role
from mes.people.training.events import TrainingWithdrawn
from tests.batches.builders import a_batch, a_master, at
from tests.batches.houses import ORDERED, Acceptance, Binding, Ward, refuses
from tests.people.houses import APPROVER
from tests.schedule.builders import SEVEN_DAYS

MASTER = subject_of(a_master())
VOLUME = (GivenValue("volume", "100", "mL"),)
FREE = {
    "CertificateQuestioned", "CertificateUpheld", "CertificateWithdrawn",
    "BatchCreated", "BatchHeld", "BatchResumed", "BatchTerminated", "CertificationRefused", "ContainersReconciled",
    "DeviationApproved", "DeviationAssessed", "DeviationOpened", "ExceptionAssessed", "ExceptionOpened",
    "FactReported", "ForecastMade", "Infused", "LimitExceeded", "LimitReturned", "ProgramAskedAgain",
    "ResultFailedLate", "RunBegun", "RunEnded", "ScanMismatched", "StepCompleted",
    "TrailExamined", "TrailReviewDeferred",
}  # fmt: skip
"""What the record takes from anybody, or what a rule makes: named here so that a new fact is thought about."""


def untrain(ward: Ward, user: str) -> None:
    person = ward.sessions[user].person.id
    event = TrainingWithdrawn(person, MASTER.kind, MASTER.id, MASTER.version)
    write = Write(stream("person", person), (event.draft(reason="long away"),))
    ward.house.ledger.append(new_op(), [write], actor=APPROVER, now=ward.house.clock.now())


def test_every_fact_of_a_batch_is_thought_about() -> None:
    asked = {one.__name__ for one in ASKS_FOR_TRAINING}
    of_a_batch = {
        cls.__name__ for (tag, _), cls in REGISTRY.items()
        if tag.startswith("batch:") and cls.__module__.startswith("mes.batches")
    }  # fmt: skip
    assert (asked & FREE, of_a_batch - asked - FREE) == (set(), set())
    assert {one.__name__ for one in PARTS} - asked == {"ScanMismatched", "Infused"}


@pytest.mark.rule("REG-P11-10i", "REG-P11-10g", negative=True)
@pytest.mark.parametrize("kind", sorted(ASKS_FOR_TRAINING, key=lambda one: one.__name__), ids=lambda one: one.__name__)
def test_each_act_of_work_asks_for_training(kind: type) -> None:
    event = kind.__new__(kind)
    with pytest.raises(Refusal, match="training-missing"):
        may_work(a_master(), [event], "Olivia", None, at(0))


@pytest.mark.rule("REG-P11-10i")
@pytest.mark.parametrize("event", [ev.BatchHeld("person"), ev.ScanMismatched("S2", "bag", "x", "y"), None])
def test_facts_and_emergencies_are_never_refused(event: object) -> None:
    may_work(a_master(), [event], "Olivia", None, at(0))


@pytest.mark.rule("REG-P11-10i", "REG-P11-10g")
def test_trained_people_perform_and_verify(ward: Ward) -> None:
    ward.a_batch()
    ward.does("nora", ward.steps.start, "B1", "S1")
    ward.does("nora", ward.steps.perform, "B1", "S1", VOLUME)
    state = ward.does("viktor", ward.steps.verify, "B1", "S1")
    assert not state.step("S1").is_open
    assert set(state.acted) == {ward.sessions["nora"].person.id, ward.sessions["viktor"].person.id}


@pytest.mark.rule("REG-P11-10i", "REG-P11-10g", negative=True)
def test_a_person_whose_training_was_withdrawn_loses_the_action(ward: Ward) -> None:
    ward.a_batch()
    ward.does("nora", ward.steps.start, "B1", "S1")
    untrain(ward, "nora")
    size = ward.house.ledger.size
    told = refuses("training-missing", ward.steps.perform, ward.acting("nora"), "B1", "S1", VOLUME)
    assert (told.facts["master"], told.facts["version"], told.status) == ("test", 1, 403)
    assert ward.house.ledger.size == size
    ward.does("nora", ward.problems.hold, "B1", reason="bag leaks")
    told_by = {"what": "other", "account": "It leaked.", "source": "nurse", "occurred_at": ward.house.clock.now()}
    assert ward.does("nora", ward.problems.report, "B1", **told_by).exceptions


@pytest.mark.rule("REG-P11-10i", negative=True)
def test_a_training_that_lapsed_between_prompt_and_signature_does_not_sign(ward: Ward) -> None:
    ward.a_batch()
    ward.does("nora", ward.steps.start, "B1", "S1")
    ward.does("nora", ward.steps.perform, "B1", "S1", VOLUME)
    ward.house.train([ward.sessions["viktor"].person], MASTER, ward.house.clock.now() + timedelta(hours=1))
    ward.house.clock.advance(timedelta(hours=2))
    refuses("training-lapsed", ward.steps.verify, ward.acting("viktor"), "B1", "S1")
    ward.house.train([ward.sessions["viktor"].person], MASTER)
    assert not ward.does("viktor", ward.steps.verify, "B1", "S1").step("S1").is_open


@pytest.mark.rule("REG-P11-10i", negative=True)
def test_a_training_on_another_version_does_not_count(ward: Ward) -> None:
    ward.a_batch()
    untrain(ward, "nora")
    newer = type(MASTER)(MASTER.kind, MASTER.id, 2)
    ward.house.train([ward.sessions["nora"].person], newer)
    refuses("training-missing", ward.steps.start, ward.acting("nora"), "B1", "S1")


@pytest.mark.rule("PRA-20", negative=True)
def test_no_batch_begins_without_a_trained_crew(ward: Ward) -> None:
    ward.does("claire", ward.orders.place, "O1", ORDERED)
    untrain(ward, "viktor")
    how = Acceptance("B1", "test", 1, Binding.MANUAL, simulated=False)
    told = refuses("training-shortage", ward.orders.accept, ward.acting("quinn"), "O1", how)
    assert told.facts["lacking"] == "verifier (0 of 1)"
    ward.house.train([ward.sessions["viktor"].person], MASTER)
    assert ward.does("quinn", ward.orders.accept, "O1", how).batch == "B1"


def crew(*roles: Role, one_each: bool = True) -> list[Person]:
    held = [(role,) for role in roles] if one_each else [roles]
    return [Person(PersonId(f"P-{nth}"), f"N{nth}", f"u{nth}", frozenset(one)) for nth, one in enumerate(held)]


NEEDED = tuple(Role(role) for role, count in staffing(SEVEN_DAYS).by_role.items() for _ in range(count))


@pytest.mark.rule("PRA-20")
def test_one_person_per_seat_staffs_the_shipped_master() -> None:
    assert shortage(SEVEN_DAYS, crew(*NEEDED)) == ()
    check_crew(SEVEN_DAYS, crew(*NEEDED))


@pytest.mark.rule("PRA-20", negative=True)
@pytest.mark.parametrize("missing", sorted(set(NEEDED)))
def test_each_missing_role_is_named(missing: Role) -> None:
    few = [one for one in crew(*NEEDED) if missing not in one.roles]
    with pytest.raises(Refusal) as refused:
        check_crew(SEVEN_DAYS, few)
    assert f"{missing.value.replace('_', ' ')} (0 of " in refused.value.facts["lacking"]


@pytest.mark.rule("PRA-20", negative=True)
def test_one_person_with_every_role_is_still_one_person() -> None:
    assert shortage(SEVEN_DAYS, crew(*NEEDED, one_each=False))[-1].startswith("different people (1 of ")


def test_times_of_work_are_kept_per_person() -> None:
    state = a_batch((ev.StepStarted("S1"), 1), (ev.BatchHeld("x"), 2), (ev.StepPerformed("S1", "d", ()), 3))
    assert state.acted == {"op-1": (at(1), at(3))}
