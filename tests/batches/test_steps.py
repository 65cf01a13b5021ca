"""Starting, confirming, verifying, attesting and skipping a step: tables of what may and what may not."""

from datetime import UTC, datetime

import pytest

from mes.batches import events as ev
from mes.batches.decide import steps
from mes.batches.decide.values import GivenValue
from mes.batches.model import Binding, MaterialUse, Phase, StepStatus
from mes.errors import Refusal
from tests.batches.builders import a_batch, after, at, done

OPERATOR = frozenset({"operator"})
LOT = MaterialUse("BUFFER", "L-1", datetime(2027, 1, 1, tzinfo=UTC))


def refused(code: str):
    return pytest.raises(Refusal, match=rf"^{code}( |$)")


def start(state, step, hour=3.0, roles=OPERATOR, equipment=None, reason=None):
    return steps.start_step(state, steps.StartStep(step, roles, equipment, reason), None, at(hour))


def test_the_next_step_starts_in_its_window():
    assert start(a_batch(*done("S1")), "S2") == (ev.StepStarted("S2"),)


@pytest.mark.rule("REG-P11-10f")
@pytest.mark.parametrize(
    ("code", "state", "step", "hour", "roles"),
    [
        ("step-predecessors-open", a_batch(), "S2", 3, OPERATOR),
        ("step-not-pending", a_batch(*done("S1"), ev.StepStarted("S2")), "S2", 3, OPERATOR),
        ("step-too-early", a_batch(*done("S1")), "S2", 1.9, OPERATOR),
        ("step-late", a_batch(*done("S1")), "S2", 22.5, OPERATOR),
        ("role-missing", a_batch(*done("S1")), "S2", 3, frozenset({"courier"})),
        ("batch-not-executing", a_batch(*done("S1"), ev.BatchHeld("person")), "S2", 3, OPERATOR),
        ("equipment-missing", a_batch(*done("S1", "S2")), "S3", 3, OPERATOR),
        ("step-unknown", a_batch(), "S99", 3, OPERATOR),
    ],
)
def test_a_step_that_may_not_start_says_why(code, state, step, hour, roles):
    with refused(code):
        start(state, step, hour, roles)


@pytest.mark.rule("PRA-14")
@pytest.mark.parametrize(("hour", "late"), [(2.0, None), (22.0, None), (22.01, "0.01"), (30.0, "8.00")])
def test_a_late_step_needs_a_decision_and_opens_an_exception(hour, late):
    state = a_batch(*done("S1"))
    if late is None:
        assert len(start(state, "S2", hour)) == 1
        return
    events = start(state, "S2", hour, reason="QA was told")
    assert events[0].late_by_h == late
    assert [type(event) for event in events[1:]] == [ev.ExceptionOpened]


def test_a_critical_window_opens_a_deviation():
    state = a_batch(*done("S1", "S2", "S3"))
    kinds = [type(event) for event in start(state, "S4", 40, reason="decided")]
    assert kinds == [ev.StepStarted, ev.ExceptionOpened, ev.DeviationOpened]


def intake(*more):
    return a_batch(*done("S1"), (ev.StepStarted("S2"), 3.0), *more)


READY = (ev.ScanMatched("S2", "bag", "bag:apheresis", "DIN-1"), ev.MaterialUsed("S2", LOT))
VALUES = (GivenValue("viability", "91.5", "%"), GivenValue("intact", "yes"))


def test_confirming_records_every_value_with_its_judgement():
    events = steps.perform_step(intake(*READY), "S2", VALUES, OPERATOR, at(4))
    performed = events[0]
    assert [(value.value, value.unit, value.judgement.within) for value in performed.values] == [
        ("91.5", "%", True), ("yes", None, True),
    ]  # fmt: skip
    assert performed.values[0].judgement.limit == ">= 80 %"
    assert len(events) == 1


@pytest.mark.parametrize(
    ("code", "state", "values"),
    [
        ("step-not-started", a_batch(*done("S1")), VALUES),
        ("scan-missing", intake(READY[1]), VALUES),
        ("scan-missing", intake(*READY, ev.ScanMismatched("S2", "bag", "bag:apheresis", "other bag")), VALUES),
        ("material-missing", intake(READY[0]), VALUES),
        ("value-missing", intake(*READY), VALUES[:1]),
        ("parameter-twice", intake(*READY), (*VALUES, VALUES[0])),
        ("parameter-unknown", intake(*READY), (*VALUES, GivenValue("colour", "red"))),
        ("step-confirmed", intake(*READY, ev.StepPerformed("S2", "ab", ())), VALUES),
    ],
)
def test_a_confirmation_that_lacks_something_says_what(code, state, values):
    with refused(code):
        steps.perform_step(state, "S2", values, OPERATOR, at(4))


@pytest.mark.rule("REG-ATMP-02")
def test_a_critical_breach_opens_exception_and_deviation_and_stays_recorded():
    given = (GivenValue("viability", "79.9", "%"), GivenValue("intact", "no"))
    events = steps.perform_step(intake(*READY), "S2", given, OPERATOR, at(4))
    assert [type(event) for event in events] == [
        ev.StepPerformed, ev.ExceptionOpened, ev.DeviationOpened, ev.ExceptionOpened,
    ]  # fmt: skip
    assert [event.exception for event in events if isinstance(event, ev.ExceptionOpened)] == ["B1.E1", "B1.E2"]
    assert events[2].severity == "critical"


@pytest.mark.rule("REG-ATMP-09")
@pytest.mark.parametrize(("minute_before", "accepted"), [(1, True), (0, False), (-1, False)])
def test_an_expired_lot_is_refused_at_the_scan(minute_before, accepted):
    from datetime import timedelta

    use = MaterialUse("BUFFER", "L-2", at(3) + timedelta(minutes=minute_before))
    if accepted:
        assert steps.use_materials(intake(), "S2", (use,), at(3)) == (ev.MaterialUsed("S2", use),)
        return
    with refused("lot-expired"):
        steps.use_materials(intake(), "S2", (use,), at(3))


def test_a_lot_of_something_else_is_refused():
    with refused("material-unknown"):
        steps.use_materials(intake(), "S2", (MaterialUse("VECTOR", "L", at(99)),), at(3))


PERFORMED = (*READY, ev.StepPerformed("S2", "ab", ()))


@pytest.mark.rule("REG-A11-06")
def test_the_verifier_is_another_person():
    state = intake(*PERFORMED)
    with refused("same-person"):
        steps.verify_step(state, "S2", "op-1", frozenset({"verifier"}))
    assert steps.verify_step(state, "S2", "op-2", frozenset({"verifier"})) == (ev.StepVerified("S2"),)


def test_a_step_closes_with_its_last_signature_in_any_order():
    verified = after(intake(*PERFORMED), ev.StepVerified("S2"), actor="op-2")
    assert steps.attest_step(verified, "S2", "QA_REVIEWED", "qa-1", frozenset({"qa"})) == (
        ev.StepAttested("S2", "QA_REVIEWED"), ev.StepCompleted("S2"),
    )  # fmt: skip
    attested = after(intake(*PERFORMED), ev.StepAttested("S2", "QA_REVIEWED"), actor="qa-1")
    assert steps.verify_step(attested, "S2", "op-2", frozenset({"verifier"}))[-1] == ev.StepCompleted("S2")


@pytest.mark.parametrize(
    ("code", "meaning", "person", "roles"),
    [
        ("attestation-not-asked", "QP_REFUSED", "qa-1", {"qa"}),
        ("same-person", "QA_REVIEWED", "op-1", {"qa"}),
        ("role-missing", "QA_REVIEWED", "qa-1", {"operator"}),
    ],
)
def test_an_attestation_that_is_not_due_says_why(code, meaning, person, roles):
    with refused(code):
        steps.attest_step(intake(*PERFORMED), "S2", meaning, person, frozenset(roles))


def test_a_second_verification_is_refused():
    state = after(intake(*PERFORMED), ev.StepVerified("S2"), actor="op-2")
    with refused("step-verified"):
        steps.verify_step(state, "S2", "op-3", frozenset({"verifier"}))


@pytest.mark.parametrize(
    ("code", "step", "reason"), [("step-not-optional", "S4", "why"), ("reason-missing", "S5", None)]
)
def test_skipping_is_for_optional_steps_with_a_reason(code, step, reason):
    with refused(code):
        steps.skip_step(a_batch(*done("S1", "S2", "S3")), step, OPERATOR, reason)


def test_an_optional_step_is_skipped_and_closed():
    state = a_batch(*done("S1", "S2", "S3"))
    (event,) = steps.skip_step(state, "S5", OPERATOR, "no growth yet")
    assert after(state, event).step("S5").status is StepStatus.SKIPPED


@pytest.mark.rule("PRA-12")
def test_the_operator_confirms_the_program_only_where_no_device_reports_it():
    begun = (*done("S1", "S2"), ev.StepStarted("S3", "PRD-01", "B1.R1", "3"))
    assert steps.confirm_program(a_batch(*begun, binding=Binding.MANUAL), "S3") == (
        ev.ProgramCompleted("S3", "3", "COMPLETE"),
    )
    with refused("program-followed"):
        steps.confirm_program(a_batch(*begun), "S3")


def test_a_device_step_waits_for_its_program():
    begun = a_batch(*done("S1", "S2"), ev.StepStarted("S3", "PRD-01", "B1.R1", "3"))
    with refused("program-running"):
        steps.perform_step(begun, "S3", (), OPERATOR, at(5))
    ended = after(begun, ev.ProgramCompleted("S3", "3", "COMPLETE"))
    assert isinstance(steps.perform_step(ended, "S3", (), OPERATOR, at(5))[0], ev.StepPerformed)


def test_a_label_step_waits_for_its_labels():
    state = a_batch(*done("S1", "S2", "S3", "S4"), ev.StepSkipped("S5"), ev.StepStarted("S6"))
    with refused("labels-not-reconciled"):
        steps.perform_step(state, "S6", (), OPERATOR, at(60))
    labelled = after(state, ev.LabelIssued("L1", "C1", "x", ("t",)), ev.LabelsReconciled(("L1",), ()))
    events = steps.perform_step(labelled, "S6", (), OPERATOR, at(60))
    assert after(labelled, *events).phase is Phase.COMPLETED
