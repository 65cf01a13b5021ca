"""The hard conflicts of a batch: every pair of parts, and for each forbidden one the act that refuses it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from mes.batches import events as ev
from mes.batches.decide import problems, steps
from mes.batches.decide.conflicts import CONFLICTS, Part, are_apart, keep_apart
from mes.batches.model import BatchState, Judgement, LabelState, RecordedValue
from mes.batches.ports import ScanVerdict
from mes.custody import bedside, handovers, labelling
from mes.errors import Refusal
from mes.identity.label_texts import product_text
from mes.ids import MasterId, PersonId
from mes.masters import decide as masters
from mes.masters.events import MasterImported
from mes.masters.fold import VersionState, fold
from mes.people.model import Role
from mes.quality import decide as quality
from mes.quality.gate import gate
from mes.quality.gate.model import GateStatus, Stage
from tests.batches.builders import a_batch, after, done
from tests.quality.builders import RELEASE_H, SPECIFICATION, TRAINED, Story, a_person, enter, product, ready
from tests.schedule.builders import SEVEN_DAYS
from tests.schedule.builders import a_batch as of_seven_days

ONE, OTHER = "P-ONE", "P-OTHER"
VALUE = RecordedValue("volume", "100", "mL", "manual", Judgement("r", 1, "", True))
MATCHED = ScanVerdict(True, "ours")

APART = {
    frozenset(pair)
    for pair in (
        (Part.PERFORMED, Part.VERIFIED), (Part.PERFORMED, Part.ATTESTED), (Part.BROKE_GLASS, Part.VERIFIED),
        (Part.ANALYSED, Part.RESULT_REVIEWED), (Part.EXECUTED, Part.TRAIL_REVIEWED), (Part.EXECUTED, Part.CERTIFIED),
        (Part.MASTER_AUTHORED, Part.MASTER_APPROVED), (Part.DEVIATION_RAISED, Part.DEVIATION_APPROVED),
        (Part.DEVIATION_ASSESSED, Part.DEVIATION_APPROVED), (Part.ACCESS_REQUESTED, Part.ACCESS_APPROVED),
        (Part.ACCESS_REQUESTED, Part.ACCESS_GRANTED), (Part.ACCESS_APPROVED, Part.ACCESS_GRANTED),
        (Part.LABEL_PRINTED, Part.LABEL_RECONCILED), (Part.LABEL_PRINTED, Part.LABEL_REPRINTED),
        (Part.GAVE, Part.TOOK), (Part.BEDSIDE_1, Part.BEDSIDE_2),
    )
}  # fmt: skip
"""Copied from section C by hand, not from the code."""


@pytest.mark.parametrize(
    ("first", "second"), [pytest.param(*pair, id="-".join(one.name for one in pair))
                          for pair in combinations_with_replacement(Part, 2)],
)  # fmt: skip
def test_every_pair_of_parts(first: Part, second: Part) -> None:
    assert are_apart(first, second) is are_apart(second, first) is (frozenset({first, second}) in APART)


@pytest.mark.parametrize("one", CONFLICTS, ids=lambda one: f"{one.first.name}-{one.second.name}")
def test_each_conflict_says_where_it_is_judged(one: object) -> None:
    module = one.where.replace(".", "/")
    root = Path(__file__).parents[2]
    assert (root / f"{module}.py").exists() or (root / module / "__init__.py").exists()


@dataclass(frozen=True)
class Case:
    """One conflict in the act: `by` lets a person do the second part after ONE did the first."""

    first: Part
    second: Part
    by: Callable[[str], object]
    code: str = "same-person"


def performed(step: str = "S1") -> BatchState:
    return a_batch(ev.StepStarted(step), ev.StepPerformed(step, "ab" * 32, (VALUE,)), actor=ONE)


def verify(person: str) -> object:
    return steps.verify_step(performed(), "S1", person, frozenset({"verifier"}))


def verify_own_correction(person: str) -> object:
    state = a_batch(ev.StepStarted("S1"), ev.StepPerformed("S1", "ab" * 32, (VALUE,)), actor="P-THIRD")
    state = after(state, ev.ValueCorrected("S1", VALUE, replace(VALUE, value="90"), "ab" * 32), actor=ONE)
    return steps.verify_step(state, "S1", person, frozenset({"verifier"}))


def attest(person: str) -> object:
    state = a_batch(*done("S1"), ev.StepStarted("S2"), ev.StepPerformed("S2", "ab" * 32, ()), actor=ONE)
    return steps.attest_step(state, "S2", "QA_REVIEWED", person, frozenset({"qa"}))


def verify_after_glass(person: str) -> object:
    state = a_batch(ev.StepStarted("S1"), ev.StepPerformed("S1", "ab" * 32, (VALUE,)), actor="P-THIRD")
    state = after(state, ev.GlassBroken("S1", "verifier"), ev.StepCompleted("S1"), actor=ONE)
    return steps.verify_step(state, "S1", person, frozenset({"verifier"}))


def review_result(person: str) -> object:
    story = Story(of_seven_days(SEVEN_DAYS))
    enter(story, "viability", "97.9", "%", reviewed=False)
    analysed = story.state.results["viability"]
    state = replace(story.state, results={"viability": replace(analysed, analyst=ONE)})
    return quality.review_result(state, SPECIFICATION, "viability", person)


def review_trail(person: str) -> object:
    story = ready(skip=("reviews", "A21"))
    state = replace(story.state, took_part={**story.state.took_part, ONE: frozenset({"executed"})})
    return quality.review(state, "audit_trail", person)


def certify(person: str) -> object:
    story = ready()
    state = replace(story.state, took_part={**story.state.took_part, ONE: frozenset({"executed"})})
    qp = a_person(person, Role.QP)
    items = gate(state, SPECIFICATION, story.now(RELEASE_H), Stage.PRELIMINARY, True, qp, trained=TRAINED)
    independent = next(one for one in items if one.item == "G-18")
    if independent.status is not GateStatus.MET:
        raise Refusal("gate-not-met", items=independent.detail)
    return independent


def approve_master(person: str) -> object:
    def imported(author: str) -> MasterImported:
        return MasterImported(MasterId("m"), 1, "d", "f", "p", "t", "patient", "s.1", PersonId(author))

    # ONE wrote the first draft, somebody else the last one: both are its authors.
    state = fold(VersionState(MasterId("m"), 1), [imported(ONE), imported("P-THIRD")])
    return masters.approve(state, [], PersonId(person))


def approve_deviation(raised: str, assessed: str) -> Callable[[str], object]:
    state = a_batch(ev.ExceptionOpened("B1.E1", "fact", "critical", "x"))
    state = after(state, ev.DeviationOpened("B1.D1", "B1.E1", "critical", "x"), actor=raised)
    state = after(state, ev.DeviationAssessed("B1.D1", {"content": "c"}), actor=assessed)
    return lambda person: problems.approve_deviation(state, "B1.D1", person)


def reconcile(person: str) -> object:
    state = replace(a_batch(), labels={"L1": LabelState("L1", "B1.P1", issued_by=ONE)})
    return labelling.reconcile_labels(state, ("L1",), (), (), person)


def reprint(person: str) -> object:
    story = ready(skip=("product",))
    product(story)
    labels = {name: replace(one, issued_by=ONE) for name, one in story.state.labels.items()}
    state = replace(story.state, labels=labels)
    return labelling.issue_labels(state, product_text(state.master.id), "B1.P1", 1, person, "smudged")


def take(person: str) -> object:
    state = after(of_story(), ev.CustodyHandedOver("A05-1", "B1.A1", "ward", "sealed"), actor=ONE)
    return handovers.take_over(state, "A05-1", "lab", "sealed", "4", "5", person)


def of_story() -> BatchState:
    return after(of_seven_days(SEVEN_DAYS), ev.StepStarted("A05"))


def second_bedside(person: str) -> object:
    state = replace(after(of_seven_days(SEVEN_DAYS), ev.StepStarted("A24")), issue_go_by="dr-1", bedside=(ONE,))
    return bedside.check_bedside(state, "B1.P1", MATCHED, MATCHED, person)


CASES = (
    Case(Part.PERFORMED, Part.VERIFIED, verify),
    Case(Part.PERFORMED, Part.VERIFIED, verify_own_correction),
    Case(Part.PERFORMED, Part.ATTESTED, attest),
    Case(Part.BROKE_GLASS, Part.VERIFIED, verify_after_glass),
    Case(Part.ANALYSED, Part.RESULT_REVIEWED, review_result),
    Case(Part.EXECUTED, Part.TRAIL_REVIEWED, review_trail, "reviewer-took-part"),
    Case(Part.EXECUTED, Part.CERTIFIED, certify, "gate-not-met"),
    Case(Part.MASTER_AUTHORED, Part.MASTER_APPROVED, approve_master, "master-own"),
    Case(Part.DEVIATION_RAISED, Part.DEVIATION_APPROVED, approve_deviation(ONE, "P-THIRD")),
    Case(Part.DEVIATION_ASSESSED, Part.DEVIATION_APPROVED, approve_deviation("P-THIRD", ONE)),
    Case(Part.LABEL_PRINTED, Part.LABEL_RECONCILED, reconcile),
    Case(Part.LABEL_PRINTED, Part.LABEL_REPRINTED, reprint),
    Case(Part.GAVE, Part.TOOK, take),
    Case(Part.BEDSIDE_1, Part.BEDSIDE_2, second_bedside),
)


def named(case: Case) -> str:
    return case.by.__name__


@pytest.mark.rule("REG-A11-06", "REG-A11D-12-6", negative=True)
@pytest.mark.parametrize("case", CASES, ids=named)
def test_one_person_never_has_both_parts(case: Case) -> None:
    with pytest.raises(Refusal) as refused:
        case.by(ONE)
    assert refused.value.code == case.code


@pytest.mark.rule("REG-A11-06", "REG-A11D-12-6")
@pytest.mark.parametrize("case", CASES, ids=named)
def test_another_person_has_the_second_part(case: Case) -> None:
    assert case.by(OTHER)


def test_every_conflict_of_this_room_and_above_is_shown_in_the_act() -> None:
    shown = {frozenset({one.first, one.second}) for one in CASES}
    elsewhere = {frozenset({one.first, one.second}) for one in CONFLICTS if one.where.startswith("mes.people")}
    assert shown | elsewhere == APART


@pytest.mark.rule("REG-A11-06", negative=True)
def test_a_new_name_does_not_make_another_person() -> None:
    """Facts carry the id: the performer married and was renamed, and is still the performer."""
    state = performed()
    renamed = replace(state.step("S1").performed_by, name="Somebody Else")
    state = replace(state, steps={**state.steps, state.step("S1").step.id: replace(state.step("S1"),
                                                                                 performed_by=renamed)})  # fmt: skip
    with pytest.raises(Refusal, match="same-person"):
        steps.verify_step(state, "S1", ONE, frozenset({"verifier"}))


def test_a_pair_that_is_not_on_the_list_is_an_error_of_the_program() -> None:
    with pytest.raises(LookupError):
        keep_apart(Part.PERFORMED, Part.BEDSIDE_1, ONE, ONE)
