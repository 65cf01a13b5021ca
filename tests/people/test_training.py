"""Training: who may record it, how it stands at any moment, and that the register is what the entries say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.ids import PersonId, new_op, stream
from mes.ledger.entry import Write
from mes.people.model import Person, Role
from mes.people.training import decide
from mes.people.training.events import TrainingRecorded, TrainingWithdrawn
from mes.people.training.model import Standing, Subject, SubjectKind, Training, TrainingResult, valid_at
from mes.people.training.register import TrainingRegister, history
from tests.people.houses import APPROVER, House, open_house

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
MASTER = Subject(SubjectKind.MASTER, "prodigy-cd19-7d", 1)
DEVICE = Subject(SubjectKind.DEVICE_CLASS, "cell_processor")
OLIVIA = Person(PersonId("P-OLIVIA"), "Olivia Brandt", "olivia", frozenset({Role.OPERATOR}))
TRAINER = PersonId("P-SOFIA")


def record(**changed: object) -> TrainingRecorded:
    asked: dict = {"person": OLIVIA, "subject": MASTER, "result": TrainingResult.PASSED, "valid_until": NOW + DAY,
                   "trainer": TRAINER, "now": NOW} | changed  # fmt: skip
    person, subject, result, until = (asked.pop(one) for one in ("person", "subject", "result", "valid_until"))
    return decide.record_training(person, subject, result, until, **asked)


@pytest.mark.rule("REG-P11-10i")
@pytest.mark.parametrize("subject", [MASTER, DEVICE, Subject(SubjectKind.PROCEDURE, "SOP-TR-12", 3)])
def test_a_training_names_person_subject_trainer_and_end(subject: Subject) -> None:
    event = record(subject=subject)
    assert (event.person, event.trainer, event.valid_until) == (OLIVIA.id, TRAINER, NOW + DAY)
    assert Subject(event.kind, event.subject, event.version) == subject


@pytest.mark.rule("REG-P11-10i", negative=True)
@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("own-training", {"trainer": OLIVIA.id}),
        ("person-disabled", {"person": Person(OLIVIA.id, "x", "olivia", active=False)}),
        ("training-version", {"subject": Subject(SubjectKind.MASTER, "prodigy-cd19-7d")}),
        ("training-version", {"subject": Subject(SubjectKind.DEVICE_CLASS, "cell_processor", 1)}),
        ("training-version", {"subject": Subject(SubjectKind.MASTER, "prodigy-cd19-7d", -1)}),
        ("id-malformed", {"subject": Subject(SubjectKind.MASTER, "pro digy", 1)}),
        ("training-until", {"valid_until": NOW}),
        ("training-until", {"valid_until": NOW + decide.LONGEST + DAY}),
    ],
)
def test_what_no_training_can_be(code: str, changed: dict) -> None:
    with pytest.raises(Refusal) as refused:
        record(**changed)
    assert refused.value.code == code


def standing(valid_until: datetime | None, result: str = "passed") -> Standing:
    return Standing(OLIVIA.id, MASTER, result, TRAINER, NOW - DAY, valid_until)


@pytest.mark.rule("REG-P11-10i", "REG-P11-10g", negative=True)
@pytest.mark.parametrize(
    ("code", "held"),
    [
        ("training-missing", None),
        ("training-missing", standing(None, "failed")),
        ("training-missing", standing(None, "withdrawn")),
        ("training-lapsed", standing(NOW)),
        ("training-lapsed", standing(NOW - DAY)),
    ],
)
def test_an_untrained_person_is_told_what_is_missing(code: str, held: Standing | None) -> None:
    with pytest.raises(Refusal) as refused:
        decide.check_trained(OLIVIA.name, held, MASTER, NOW)
    assert (refused.value.code, refused.value.status) == (code, 403)
    assert (refused.value.facts["master"], refused.value.facts["version"]) == ("prodigy-cd19-7d", 1)


@pytest.mark.rule("REG-P11-10i", "REG-P11-10g")
def test_a_trained_person_passes_until_the_last_moment() -> None:
    decide.check_trained(OLIVIA.name, standing(NOW + timedelta(microseconds=1)), MASTER, NOW)


@pytest.mark.parametrize(
    ("code", "held", "reason"),
    [("reason-missing", standing(NOW + DAY), " "), ("training-not-held", None, "left"),
     ("training-not-held", standing(None, "withdrawn"), "left")],
)  # fmt: skip
def test_what_cannot_be_withdrawn(code: str, held: Standing | None, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.withdraw_training(OLIVIA, held, MASTER, reason)
    assert refused.value.code == code


facts = st.lists(
    st.builds(Training, st.integers(0, 50).map(lambda hour: NOW + timedelta(hours=hour)),
              st.none() | st.integers(1, 80).map(lambda hour: NOW + timedelta(hours=hour))),
    max_size=6,
).map(lambda found: sorted(found, key=lambda one: one.at))  # fmt: skip


@pytest.mark.rule("REG-P11-10i")
@given(facts, st.integers(-5, 90))
def test_the_newest_fact_decides(found: list[Training], hour: int) -> None:
    at = NOW + timedelta(hours=hour)
    before = [one for one in found if one.at <= at]
    until = before[-1].valid_until if before else None
    assert valid_at(found, at) is (until is not None and until > at)


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> Iterator[House]:
    """Give a site on each kind of database."""
    with open_house(tmp_path, ledger_url) as made:
        yield made


@pytest.mark.rule("REG-P11-10i")
def test_the_register_is_what_the_entries_say(house: House) -> None:
    anna, bart = house.employ("anna", Role.OPERATOR), house.employ("bart", Role.OPERATOR)
    register = TrainingRegister(house.ledger)
    assert register.standing(anna.id, MASTER) is None
    house.train([anna, bart], MASTER)
    newer = Subject(SubjectKind.MASTER, MASTER.id, 2)
    house.train([anna], newer, house.clock.now() + 2 * DAY)
    assert {one.id for one in register.crew(MASTER, house.clock.now())} == {anna.id, bart.id}
    assert [one.id for one in register.crew(newer, house.clock.now())] == [anna.id]
    withdrawn = TrainingWithdrawn(bart.id, MASTER.kind, MASTER.id, MASTER.version)
    write = Write(stream("person", bart.id), (withdrawn.draft(reason="a year away"),))
    house.ledger.append(new_op(), [write], actor=APPROVER, now=house.clock.now())
    assert [one.id for one in register.crew(MASTER, house.clock.now())] == [anna.id]
    told = register.standing(bart.id, MASTER)
    assert told is not None
    assert (told.result, told.valid_until) == ("withdrawn", None)
    house.later(days=3)
    assert register.crew(newer, house.clock.now()) == []
    assert len(register.standings()) == 3
    _agrees(house, register, anna.id, newer)
    _agrees(house, register, bart.id, MASTER)


def _agrees(house: House, register: TrainingRegister, person: str, subject: Subject) -> None:
    found = history(house.ledger.stream(stream("person", person)), subject)
    held = register.standing(person, subject)
    assert held is not None
    assert found[-1] == Training(held.recorded_at, held.valid_until)
    assert register.histories([person], subject) == {person: found}


def test_a_leaver_is_nobody_s_crew(house: House) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    house.train([anna], MASTER)
    house.people.disable(anna.id, by=APPROVER, reason="left")
    assert TrainingRegister(house.ledger).crew(MASTER, house.clock.now()) == []
