"""Testimony, holds, deviations and corrections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.batches import events as ev
from mes.batches.decide import problems, scans
from mes.batches.decide.corrections import SignedEntry, correct_value, voided_signatures
from mes.batches.decide.values import GivenValue, judged_values
from mes.batches.model import Disposition, Phase, StepStatus
from mes.errors import Refusal
from tests.batches.builders import a_batch, a_master, after, done

TEXT = {"content": "ab" * 32, "bytes": 3, "media": "text/plain"}
REACHABLE = [
    a_batch(),
    a_batch(*done("S1"), ev.StepStarted("S2")),
    a_batch(ev.BatchHeld("person")),
    a_batch(*done("S1"), ev.BatchTerminated("no growth")),
    a_batch(*done("S1", "S2", "S3", "S4"), ev.StepSkipped("S5"), *done("S6")),
]


@pytest.mark.rule("PRA-06")
@given(
    st.sampled_from(REACHABLE), st.sampled_from(sorted(problems.TESTIMONY)), st.sampled_from(["S1", "S6", None, "?"])
)
def test_whatever_the_world_can_reach_can_be_recorded(state, what, step):
    events = problems.report_what_happened(state, what, TEXT, "witness", None, step)
    told = after(state, *events)
    assert len(told.deviations) == len(state.deviations) + 1
    assert told.disposition == state.disposition
    assert {name for name, one in told.steps.items() if not one.is_open} == {
        name for name, one in state.steps.items() if not one.is_open
    }


def test_a_fact_that_may_have_touched_the_product_holds_the_batch():
    events = problems.report_what_happened(a_batch(), "wrong_bag_handled", TEXT, "witness", "N. N.", "S1")
    assert after(a_batch(), *events).phase is Phase.HELD


def test_holding_and_resuming():
    held = after(a_batch(), *problems.hold(a_batch(), "person"))
    with pytest.raises(Refusal, match="batch-held"):
        problems.hold(held, "person")
    assert after(held, *problems.resume(held)).phase is Phase.EXECUTING
    with pytest.raises(Refusal, match="batch-not-held"):
        problems.resume(a_batch())


DEVIATION = problems.opened(a_batch(), "value", "critical", "viability low")


@pytest.mark.rule("REG-ATMP-19")
def test_a_deviation_is_assessed_then_approved_by_somebody_else():
    state = after(a_batch(), *DEVIATION, actor="drain")
    with pytest.raises(Refusal, match="deviation-not-assessed"):
        problems.approve_deviation(state, "B1.D1", "qa-1")
    state = after(state, *problems.assess_deviation(state, "B1.D1", TEXT), actor="sup-1")
    with pytest.raises(Refusal, match="same-person"):
        problems.approve_deviation(state, "B1.D1", "sup-1")
    state = after(state, *problems.approve_deviation(state, "B1.D1", "qa-1"), actor="qa-1")
    assert state.open_deviations() == ()
    with pytest.raises(Refusal, match="deviation-approved"):
        problems.approve_deviation(state, "B1.D1", "qa-2")


@pytest.mark.rule("REG-ATMP-10")
def test_another_patients_bag_is_a_fact_that_stops_the_step():
    state = a_batch(*done("S1"), ev.StepStarted("S2"))
    events = scans.record_scan(state, "S2", "bag", "bag of another batch", matched=False)
    told = after(state, *events)
    assert told.step("S2").scans == {"bag": False}
    assert [one.severity for one in told.deviations.values()] == ["critical"]
    with pytest.raises(Refusal, match="scan-unknown"):
        scans.record_scan(state, "S2", "nose", "x", matched=True)


def performed():
    values = judged_values(a_master().steps[0], (GivenValue("volume", "100", "mL"),))
    return a_batch(ev.StepStarted("S1"), ev.StepPerformed("S1", "ab", values))


@pytest.mark.rule("REG-ATMP-04")
def test_a_correction_keeps_the_old_value_and_gives_a_reason():
    state = performed()
    (event,) = correct_value(state, "S1", GivenValue("volume", "101.0", "mL"), "misread")
    assert (event.old.value, event.new.value) == ("100", "101.0")
    assert after(state, event).step("S1").values["volume"].value == "101.0"


@pytest.mark.parametrize(
    ("code", "value", "reason"),
    [("reason-missing", "101", None), ("value-unchanged", "100", "why"), ("number-malformed", "1,5", "why")],
)
def test_a_correction_that_is_none_is_refused(code, value, reason):
    with pytest.raises(Refusal, match=code):
        correct_value(performed(), "S1", GivenValue("volume", value, "mL"), reason)


def test_a_correction_out_of_limits_opens_an_exception():
    events = correct_value(performed(), "S1", GivenValue("volume", "300", "mL"), "misread")
    assert [type(event) for event in events] == [ev.ValueCorrected, ev.ExceptionOpened]


def test_only_signatures_that_saw_the_value_fall_and_those_that_rest_on_them():
    def place(seq: int) -> tuple[str, int]:
        return ("batch/B1", seq)

    signed = {
        place(2): SignedEntry(20, place(2), frozenset()),
        place(3): SignedEntry(30, place(3), frozenset({place(2)})),
        place(4): SignedEntry(40, place(4), frozenset({place(3)})),
        place(5): SignedEntry(50, place(5), frozenset({place(1)})),
    }
    assert voided_signatures(signed, place(2)) == ((30, None), (40, place(3)))
    assert voided_signatures(signed, place(9)) == ()


def test_a_fallen_verification_reopens_its_step():
    state = performed()
    state = after(state, ev.StepVerified("S1"), ev.StepCompleted("S1"), actor="op-2")
    index = state.step("S1").verified_by.index
    reopened = after(state, ev.SignatureVoided(index, ev.Cause("batch/B1", 9)))
    assert reopened.step("S1").status is StepStatus.PERFORMED
    assert reopened.step("S1").verified_by is None


def test_a_correction_after_the_certificate_puts_it_in_question():
    state = after(performed(), ev.BatchCertified("C1", "preliminary", a_batch().created_at, (), ()))
    event, *more = correct_value(state, "S1", GivenValue("volume", "99", "mL"), "misread")
    assert [one.tag for one in more] == [
        "batch:certificate:questioned", "batch:exception:opened", "batch:deviation:opened",
    ]  # fmt: skip
    assert after(state, event).disposition is Disposition.IN_QUESTION
