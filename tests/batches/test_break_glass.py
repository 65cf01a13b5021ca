"""Break-glass: only for a running patient process, never for identity or release, and never silent."""

import base64
from dataclasses import replace

import pytest

from mes.batches import events as ev
from mes.batches.decide import glass, steps
from mes.batches.decide.values import GivenValue
from mes.batches.model import BatchState, Judgement, Phase, RecordedValue, StepStatus
from mes.errors import Refusal
from mes.ids import StepId
from mes.ledger.events import Event
from mes.masters.model import Act, BatchKind
from mes.people.decide import own_actor
from mes.quality.gate import gate
from mes.quality.gate.model import GateStatus, Stage
from tests.batches.builders import a_batch, after, at, done
from tests.batches.houses import STAFF, Ward, refuses
from tests.people.builders import PASSWORD
from tests.quality.builders import QP, RELEASE_H, SPECIFICATION, TRAINED, ready

WHY = "verifier fell ill, cells are out of the incubator"
VALUE = RecordedValue("volume", "100", "mL", "manual", Judgement("r", 1, "", True))
VOLUME = (GivenValue("volume", "100", "mL"),)
OLIVIA = glass.signer_of("op-1", "Olivia", "operator", at(0))
WAITING = (ev.StepStarted("S1"), ev.StepPerformed("S1", "ab" * 32, (VALUE,)))


def act_of(state: BatchState, act: Act) -> BatchState:
    one = state.step("S1")
    return replace(state, steps={**state.steps, StepId("S1"): replace(one, step=replace(one.step, act=act))})


def of_kind(kind: BatchKind) -> BatchState:
    state = a_batch(*WAITING)
    return replace(state, master=replace(state.master, kind=kind))


def broken() -> BatchState:
    events = glass.break_glass(a_batch(*WAITING), "S1", OLIVIA, WHY)
    return after(a_batch(*WAITING), *events)


def test_a_step_goes_on_marked_and_with_a_deviation() -> None:
    events = glass.break_glass(a_batch(*WAITING), "S1", OLIVIA, WHY)
    assert [type(one) for one in events] == [ev.GlassBroken, ev.ExceptionOpened, ev.DeviationOpened, ev.StepCompleted]
    assert events[0] == ev.GlassBroken("S1", "verifier")
    state = broken()
    step = state.step("S1")
    assert (step.status, step.verified_by, step.alone) == (StepStatus.DONE, None, step.glass)
    assert [one.deviation for one in glass.unassessed_glass(state)] == ["B1.D1"]
    assert "second person missing, break-glass by Olivia" in state.deviations["B1.D1"].title


def test_a_step_that_takes_further_signatures_still_waits_for_them() -> None:
    state = a_batch(*done("S1"), ev.StepStarted("S2"), ev.StepPerformed("S2", "ab" * 32, ()))
    events = glass.break_glass(state, "S2", OLIVIA, WHY)
    assert not any(isinstance(one, ev.StepCompleted) for one in events)
    state = after(state, *events)
    attested = steps.attest_step(state, "S2", "QA_REVIEWED", "qa-1", frozenset({"qa"}))
    assert [type(one) for one in attested] == [ev.StepAttested, ev.StepCompleted]


@pytest.mark.parametrize("act", glass.NEVER, ids=lambda one: one.value)
def test_what_nobody_does_alone(act: Act) -> None:
    """Identity at label and bedside, results, reviews, certification: no break-glass covers them."""
    with pytest.raises(Refusal) as refused:
        glass.break_glass(act_of(a_batch(*WAITING), act), "S1", OLIVIA, WHY)
    assert (refused.value.code, refused.value.facts["what"]) == ("glass-never", glass.NEVER[act])


def mismatched(*more: Event) -> BatchState:
    wrong = (ev.ExceptionOpened("B1.E1", "scan", "critical", "x", "S1"),
             ev.DeviationOpened("B1.D1", "B1.E1", "critical", "x"))  # fmt: skip
    return after(a_batch(*WAITING), *wrong, *more, actor="qa-9")


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("reason-missing", a_batch(*WAITING), None),
        ("reason-missing", a_batch(*WAITING), "  "),
        ("batch-not-executing", a_batch(*WAITING, ev.BatchHeld("person")), WHY),
        ("glass-not-patient", of_kind(BatchKind.TRAINING), WHY),
        ("glass-not-patient", of_kind(BatchKind.ENGINEERING), WHY),
        ("glass-not-needed", a_batch(), WHY),
        ("glass-not-needed", a_batch(WAITING[0]), WHY),
        ("glass-not-needed", a_batch(*WAITING, ev.StepVerified("S1"), ev.StepCompleted("S1")), WHY),
        ("glass-broken", broken(), WHY),
        ("glass-never", mismatched(), WHY),
        ("glass-never", mismatched(ev.DeviationAssessed("B1.D1", {"content": "c"})), WHY),
        ("glass-never", after(a_batch(*WAITING), ev.ScanMismatched("S1", "bag", "bag:apheresis", "other")), WHY),
        ("glass-never", replace(a_batch(*WAITING), master=replace(a_batch().master, dose_step=StepId("S1"))), WHY),
    ],
)
def test_when_no_glass_is_broken(code: str, state: BatchState, reason: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        glass.break_glass(state, "S1", OLIVIA, reason)
    assert refused.value.code == code
    assert not glass.may_break(state, state.step("S1")) or code == "reason-missing"


def test_a_settled_mismatch_of_another_step_no_longer_stands_against_it() -> None:
    state = mismatched(ev.DeviationAssessed("B1.D1", {"content": "c"}), ev.DeviationApproved("B1.D1"))
    assert glass.break_glass(state, "S1", OLIVIA, WHY)[1].exception == "B1.E2"


def test_a_second_person_verifies_the_record_late() -> None:
    state = broken()
    events = steps.verify_step(state, "S1", "ver-1", frozenset({"verifier"}))
    assert events == (ev.StepVerifiedLate("S1"),)
    step = after(state, *events, actor="ver-1").step("S1")
    assert (step.verified_late, step.alone) == (True, None)
    assert step.verified_by is not None
    with pytest.raises(Refusal, match=r"step-not-performed|step-verified"):
        steps.verify_step(after(state, *events, actor="ver-1"), "S1", "ver-2", frozenset({"verifier"}))


@pytest.mark.rule("REG-A11-06", negative=True)
def test_neither_performer_nor_who_broke_the_glass_verifies_late() -> None:
    state = a_batch(*WAITING, actor="op-1")
    signer = glass.signer_of("sup-1", "Sofia", "supervisor", at(0))
    state = after(state, *glass.break_glass(state, "S1", signer, WHY), actor="sup-1")
    for person in ("op-1", "sup-1"):
        with pytest.raises(Refusal, match="same-person"):
            steps.verify_step(state, "S1", person, frozenset({"verifier"}))


def test_a_fallen_break_glass_opens_the_step_again() -> None:
    state = broken()
    index = state.step("S1").glass.index
    fallen = after(state, ev.SignatureVoided(index, ev.Cause("batch/B1", 0)))
    assert (fallen.step("S1").glass, fallen.step("S1").status) == (None, StepStatus.PERFORMED)


def alone_at_a06() -> BatchState:
    """Return a batch ready to certify whose intake went on without its verifier."""
    state = ready().state
    one = state.step("A06")
    lonely = replace(one, verified_by=None, glass=one.performed_by, glass_reason=WHY)
    return replace(state, steps={**state.steps, StepId("A06"): lonely})


def second_checked(state: BatchState) -> tuple[GateStatus, str]:
    now = ready().now(RELEASE_H)
    items = gate(state, SPECIFICATION, now, Stage.PRELIMINARY, True, QP, trained=TRAINED)
    return next((one.status, one.detail) for one in items if one.item == "G-03")


@pytest.mark.rule("REG-A11-06", negative=True)
def test_the_gate_stays_closed_until_qa_approved_or_somebody_verified() -> None:
    state = alone_at_a06()
    opened = (ev.ExceptionOpened("B1.E1", "glass", "major", "x", "A06"),
              ev.DeviationOpened("B1.D1", "B1.E1", "major", "x"))  # fmt: skip
    state = after(state, *opened)
    assert second_checked(state) == (GateStatus.NOT_MET, "no second person on A06")
    settled = after(state, ev.DeviationAssessed("B1.D1", {"content": "c"}), ev.DeviationApproved("B1.D1"), actor="qa-9")
    status, told = second_checked(settled)
    assert (status, told) == (GateStatus.COVERED, "break-glass: A06 by Name of op-1")
    late = after(state, ev.StepVerifiedLate("A06"), actor="op-2")
    assert second_checked(late)[0] is GateStatus.MET


@pytest.mark.rule("REG-A11D-13-1")
def test_it_takes_two_factors_and_stands_in_the_record(ward: Ward) -> None:
    ward.a_batch()
    ward.does("nora", ward.steps.start, "B1", "S1")
    ward.does("nora", ward.steps.perform, "B1", "S1", VOLUME)
    refuses("second-factor-not-enrolled", ward.steps.break_glass, ward.acting("nora", reason=WHY), "B1", "S1")
    enrol(ward, "nora")
    state = ward.does("nora", ward.steps.break_glass, "B1", "S1", reason=WHY)
    entry = next(one for one in ward.entries() if one.type == "batch:glass:broken")
    assert (entry.document["signature"]["meaning"], entry.document["reason"]) == ("BREAK_GLASS", WHY)
    assert entry.document["signature"]["factors"][-2:] == ["password", "totp"]
    assert (state.phase, state.step("S1").status) == (Phase.EXECUTING, StepStatus.DONE)
    assert ward.row().open_deviations == 1
    late = ward.does("viktor", ward.steps.verify, "B1", "S1")
    assert late.step("S1").verified_late


def test_only_who_may_perform_the_step_or_supervises_breaks_it(ward: Ward) -> None:
    ward.a_batch()
    ward.does("nora", ward.steps.start, "B1", "S1")
    ward.does("nora", ward.steps.perform, "B1", "S1", VOLUME)
    for user in ("claire", "quinn", "viktor"):
        assert user in STAFF
        refuses("role-missing", ward.steps.break_glass, ward.acting(user, reason=WHY), "B1", "S1")


def enrol(ward: Ward, user: str) -> None:
    """Give somebody a second factor on the spot."""
    person = ward.sessions[user].person
    ward.house.secrets[user] = base64.b32decode(ward.house.people.start_totp(person.id).secret)
    own = own_actor(person, "touch-1")
    ward.house.people.enroll_totp(person.id, ward.house.code(user), password=PASSWORD, by=own)
