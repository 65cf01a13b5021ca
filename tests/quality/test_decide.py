"""Who may enter, review, certify, refuse and release, and what a late failure does at once."""

from dataclasses import replace

import pytest

from mes.batches import events as ev
from mes.batches.model import BatchState, Disposition, Phase
from mes.errors import Refusal
from mes.ids import StepId
from mes.ledger.events import Event
from mes.masters.model import BatchKind
from mes.quality import decide
from mes.quality.gate import gate
from mes.quality.gate.model import GateItem, Stage
from mes.quality.statements import CONFIRMATIONS, REVIEWS
from tests.quality.builders import DEFERRED, QP, RELEASE_H, SPECIFICATION, TRAINED, Story, do_step, enter, ready

ALL = tuple(CONFIRMATIONS)


def types(events: tuple[Event, ...]) -> list[str]:
    return [event.tag for event in events]


def refusal(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as refused:
        call(*arguments)
    return refused.value.code


def certified(story: Story | None = None) -> Story:
    """Return a batch with its preliminary certificate."""
    story = story or ready()
    for event in certify(story):
        story.tell(event, RELEASE_H, "qp-1")
    return story


def released() -> Story:
    story = certified()
    for event in decide.assign_release(story.state, story.now(RELEASE_H)):
        story.tell(event, RELEASE_H, "qa-1")
    return story


def infused() -> Story:
    story = released()
    for step in ("A23", "A23a", "A24"):
        do_step(story, story.state.steps[StepId(step)])
    return story.tell(ev.InfusionStarted("B1.P1"), 154, "dr-1")


def finished() -> Story:
    """Return a batch with every deferred result in and reviewed, ready for the final certificate."""
    story = infused()
    for item, (value, unit) in DEFERRED.items():
        enter(story, item, value, unit, hour=470)
    do_step(story, story.state.steps[StepId("A25")])
    return story


def items(story: Story, stage: Stage = Stage.PRELIMINARY, hour: float = RELEASE_H) -> tuple[GateItem, ...]:
    return gate(story.state, SPECIFICATION, story.now(hour), stage, True, QP, trained=TRAINED)


def acknowledging(found: tuple[GateItem, ...]) -> tuple[str, ...]:
    return tuple(one.item for one in found if one.status in ("COVERED", "NOT MONITORED"))


def certify(
    story: Story, stage: Stage = Stage.PRELIMINARY, *, confirmations: tuple[str, ...] = ALL,
    acknowledged: tuple[str, ...] | None = None, hour: float = RELEASE_H, state: BatchState | None = None,
) -> tuple[Event, ...]:  # fmt: skip
    found = items(story, stage, hour)
    seen = acknowledging(found) if acknowledged is None else acknowledged
    asked = decide.Certification(stage, confirmations, seen)
    return decide.certify(state or story.state, SPECIFICATION, asked, found)


def enter_now(state: BatchState, item: str, value: str, unit: str | None, reason: str | None = None) -> list[str]:
    return types(decide.enter_result(state, SPECIFICATION, item, value, unit, reason))


def test_a_passing_result_is_entered_with_its_judgement() -> None:
    (event,) = decide.enter_result(ready(("results",)).state, SPECIFICATION, "endotoxin", "<=0.5", "[EU]/mL", None)
    assert isinstance(event, ev.ResultEntered)
    assert (event.limit, event.passed, event.rule_version) == ("<= 0.5 [EU]/mL", True, 1)
    assert event.digest == SPECIFICATION.digest
    assert event.specification == "ari-0001.1"


OPENED = ["batch:exception:opened", "batch:deviation:opened"]


@pytest.mark.rule("PRA-01", "REG-ATMP-16")
@pytest.mark.parametrize(
    ("make", "item", "value", "unit", "follows"),
    [
        (lambda: ready(("results",)), "viability", "69", "%", OPENED),
        (lambda: ready(("results",)), "potency_a", "80", "%", []),
        (certified, "sterility", "growth", None, ["batch:result:failed_late", *OPENED]),
        (infused, "sterility", "growth", None, ["batch:result:failed_late", *OPENED]),
        (infused, "sterility", "sterile", None, []),
        (infused, "potency_a", "80", "%", []),
    ],
)
def test_a_failure_opens_a_critical_deviation_and_stops_the_bag(
    make: object, item: str, value: str, unit: str | None, follows: list[str]
) -> None:
    state = make().state
    assert enter_now(state, item, value, unit) == ["batch:result:entered", *follows]


def test_the_last_of_the_alternatives_fails_the_item() -> None:
    story = certified()
    enter(story, "potency_a", "80", "%", hour=200)
    assert "batch:result:failed_late" in enter_now(story.state, "potency_b", "40", "%")


@pytest.mark.rule("PRA-01")
@pytest.mark.parametrize(
    ("make", "phase"), [(certified, Phase.HELD), (released, Phase.HELD), (infused, Phase.EXECUTING)]
)
def test_a_late_failure_puts_the_certificate_in_question(make: object, phase: Phase) -> None:
    story = make()
    for event in decide.enter_result(story.state, SPECIFICATION, "sterility", "growth", None, None):
        story.tell(event, 300, "qc-1")
    assert (story.state.phase, story.state.disposition) == (phase, Disposition.IN_QUESTION)
    assert story.state.exceptions["B1.E1"].kind == "result"
    assert not items(story, Stage.FINAL, 480)[3].detail.startswith("all")


def test_a_retest_needs_a_reason_and_names_what_it_replaces() -> None:
    story = ready()
    assert refusal(enter_now, story.state, "viability", "97", "%") == "reason-missing"
    (event,) = decide.enter_result(story.state, SPECIFICATION, "viability", "97", "%", "second vial")
    assert isinstance(event, ev.ResultEntered)
    assert event.supersedes == story.state.results["viability"].seq


def test_a_retest_that_fails_again_is_a_failure_again() -> None:
    story = ready(("reviews", "A21"))
    enter(story, "viability", "69", "%")
    assert enter_now(story.state, "viability", "68", "%", "retest") == ["batch:result:entered", *OPENED]
    assert enter_now(story.state, "viability", "75", "%", "retest") == ["batch:result:entered"]


@pytest.mark.parametrize(
    ("item", "person", "code"),
    [
        ("viability", "qc-1", "same-person"),
        ("sterility", "qc-2", "result-not-entered"),
        ("endotoxin", "qc-2", "result-reviewed"),
        ("colour", "qc-2", "specification-item-unknown"),
    ],
)
def test_a_result_is_reviewed_by_another_person(item: str, person: str, code: str) -> None:
    story = ready(("reviews", "A21"))
    enter(story, "viability", "97.9", "%", reviewed=False)
    assert refusal(decide.review_result, story.state, SPECIFICATION, item, person) == code
    assert types(decide.review_result(story.state, SPECIFICATION, "viability", "qc-2")) == ["batch:result:reviewed"]


@pytest.mark.rule("REG-A11D-12-6")
@pytest.mark.parametrize(
    ("kind", "person", "skip", "code"),
    [
        ("fun", "qa-1", (), "review-unknown"),
        ("production", "sup-1", ("A20",), "step-predecessors-open"),
        ("audit_trail", "op-1", (), "reviewer-took-part"),
        ("audit_trail", "op-2", (), "reviewer-took-part"),
        ("audit_trail", "qc-1", (), "reviewer-took-part"),
        ("audit_trail", "qa-1", (), "reviewer-took-part"),
        ("audit_trail", "courier-1", (), "reviewer-took-part"),
        ("qa", "qa-1", (), "reviews-missing"),
    ],
)
def test_a_review_is_refused(kind: str, person: str, skip: tuple[str, ...], code: str) -> None:
    assert refusal(decide.review, ready((*skip, "reviews", "A21")).state, kind, person) == code


def test_qas_review_comes_last_and_closes_the_step() -> None:
    story = ready(("reviews", "A21"))
    for kind in REVIEWS:
        events = decide.review(story.state, kind, {"audit_trail": "qp-2"}.get(kind, "qa-1"))
        for event in events:
            story.tell(event, 151, "qa-1")
        assert story.state.step("A21").is_open is (kind != "qa")
    assert refusal(decide.review, story.state, "qa", "qa-1") == "review-signed"
    story.tell(ev.ExceptionOpened("B1.E1", "window", "minor", "late"), 152)
    assert types(decide.review(story.state, "qa", "qa-1")) == ["batch:review:signed"]


@pytest.mark.rule("REG-ATMP-14", "REG-ATMP-15", "REG-A16-01")
def test_a_certificate_records_the_gate_and_what_is_pending() -> None:
    (event,) = certify(ready())
    assert isinstance(event, ev.BatchCertified)
    assert (event.certificate, event.stage, event.confirmations) == ("B1.CP", "preliminary", ALL)
    assert event.pending == ("sterility", "adventitious_viruses", "rcl", "potency")
    told = {one.item: (one.status, one.acknowledged) for one in event.gate}
    assert told["G-12"] == ("NOT MONITORED", True)
    assert told["G-14"] == ("MET", False)
    assert len(told) == 22


@pytest.mark.rule("REG-A16-01", "PRA-04", "PRA-13")
@pytest.mark.parametrize(
    ("story", "changes", "code"),
    [
        (ready(), {"confirmations": ALL[:2]}, "confirmations-missing"),
        (ready(), {"confirmations": ()}, "confirmations-missing"),
        (ready(), {"acknowledged": ("G-11",)}, "gate-not-acknowledged"),
        (ready(("reviews", "A21")), {}, "gate-not-met"),
        (ready(), {"hour": 144}, "gate-not-met"),
        (certified(), {}, "certified-already"),
        (ready(), {"stage": Stage.FINAL}, "preliminary-missing"),
        (certified(), {"stage": Stage.FINAL}, "not-released"),
        (infused(), {"stage": Stage.FINAL, "hour": 480}, "gate-not-met"),
        (ready().tell(ev.CertificationRefused("preliminary"), 152, "qp-1"), {}, "certification-refused"),
    ],
)
def test_certification_is_refused(story: Story, changes: dict[str, object], code: str) -> None:
    assert refusal(lambda: certify(story, **changes)) == code


@pytest.mark.rule("REG-A16-07")
def test_nobody_certifies_for_whom_the_gate_was_not_judged() -> None:
    story = ready()
    unsigned = gate(story.state, SPECIFICATION, story.now(RELEASE_H), Stage.PRELIMINARY, True, trained=TRAINED)
    asked = decide.Certification(Stage.PRELIMINARY, ALL, acknowledging(unsigned))
    with pytest.raises(Refusal) as refused:
        decide.certify(story.state, SPECIFICATION, asked, unsigned)
    assert refused.value.code == "gate-not-met"
    assert refused.value.facts["items"].startswith("G-18")


@pytest.mark.rule("PRA-13")
@pytest.mark.parametrize("kind", [one for one in BatchKind if one is not BatchKind.PATIENT])
def test_only_a_patients_batch_is_ever_certified(kind: BatchKind) -> None:
    story = ready()
    state = replace(story.state, master=replace(story.state.master, kind=kind))
    assert refusal(lambda: certify(story, state=state)) == "batch-kind-never-released"


@pytest.mark.rule("REG-ATMP-15")
def test_the_final_certificate_closes_the_batch() -> None:
    story = finished()
    events = certify(story, Stage.FINAL, hour=480)
    assert types(events) == ["batch:certified", "batch:step:started", "batch:step:completed"]
    for event in events:
        story.tell(event, 480, "qp-1")
    assert story.state.disposition is Disposition.CERTIFIED_FINAL
    assert story.state.certificates == {"preliminary": "B1.CP", "final": "B1.CF"}


@pytest.mark.rule("REG-A16-05")
def test_a_refusal_is_recorded_with_its_reason_and_is_the_end() -> None:
    story = ready()
    assert refusal(decide.refuse, story.state, Stage.PRELIMINARY, None) == "reason-missing"
    assert refusal(decide.refuse, certified().state, Stage.PRELIMINARY, "no") == "certified-already"
    (event,) = decide.refuse(story.state, Stage.PRELIMINARY, "identity in doubt")
    story.tell(event, 152, "qp-1")
    assert story.state.disposition is Disposition.REFUSED
    assert refusal(decide.refuse, story.state, Stage.PRELIMINARY, "again") == "certification-refused"


@pytest.mark.rule("REG-ATMP-14")
def test_release_is_a_third_act() -> None:
    story = certified()
    events = decide.assign_release(story.state, story.now(RELEASE_H))
    assert types(events) == ["batch:release:assigned", "batch:step:started", "batch:step:completed"]
    assert events[0] == ev.ReleaseAssigned("B1.CP", ("B1.P1",))
    done = released().state
    assert done.disposition is Disposition.RELEASED
    assert not done.step("A22").is_open


@pytest.mark.rule("REG-ATMP-14", "PRA-01")
@pytest.mark.parametrize(
    ("story", "hour", "code"),
    [
        (ready(), RELEASE_H, "not-certified"),
        (released(), RELEASE_H, "released-already"),
        (certified().tell(ev.BatchHeld("leak"), 152), RELEASE_H, "batch-on-hold"),
        (certified(), 165, "product-expired"),
        (ready().tell(ev.CertificationRefused("preliminary"), 152, "qp-1"), RELEASE_H, "not-certified"),
    ],
)
def test_release_is_refused(story: Story, hour: float, code: str) -> None:
    assert refusal(decide.assign_release, story.state, story.now(hour)) == code
