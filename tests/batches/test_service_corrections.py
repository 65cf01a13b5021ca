"""Corrections on a real ledger: the old value stays, what rested on it falls and is named, and can be signed anew."""

import pytest

from mes.batches import events as ev
from mes.batches.decide.values import GivenValue
from mes.batches.model import Disposition, StepStatus
from mes.ids import new_op
from mes.ledger.entry import Actor, Write
from mes.signatures.model import SignaturePrompt
from tests.batches.builders import T0
from tests.batches.houses import Ward, refuses
from tests.batches.test_service_steps import VOLUME, collect

NEW = GivenValue("volume", "101.0", "mL")


def correct(ward: Ward, given: GivenValue = NEW, user: str = "nora", reason: str | None = "misread", **more):
    return ward.does(user, ward.corrections.correct, "B1", "S1", given, reason=reason, **more)


@pytest.fixture
def collected(ward):
    ward.a_batch()
    collect(ward)
    return ward


@pytest.mark.rule("REG-ATMP-04")
def test_the_old_value_stays_and_the_verification_that_saw_it_falls(collected):
    before = collected.entries()
    state = correct(collected)
    after = collected.entries()
    assert [one.body for one in after[: len(before)]] == [one.body for one in before]
    corrected, voided = after[len(before) :]
    assert corrected.document["corrects"] == {"stream": "batch/B1", "seq": 2}
    assert corrected.document["reason"] == "misread"
    assert (corrected.data["old"]["value"], corrected.data["new"]["value"]) == ("100.0", "101.0")
    assert corrected.document["signature"]["meaning"] == "CORRECTED"
    assert voided.data == {"index": before[3].index, "cause": {"stream": "batch/B1", "seq": corrected.seq}}
    assert corrected.op == voided.op
    step = state.step("S1")
    assert (step.status, step.verified_by, step.values["volume"].value) == (StepStatus.PERFORMED, None, "101.0")
    assert step.performed_by.name == "Nora Peeters"


def test_the_corrector_sees_what_will_fall_before_signing(collected):
    with pytest.raises(SignaturePrompt) as prompt:
        collected.corrections.correct(collected.acting("nora", reason="misread"), "B1", "S1", NEW)
    shown = {one.label: one.value for one in prompt.value.shown.items}
    assert shown["Old value"].startswith("100.0 mL")
    assert shown["New value"].startswith("101.0 mL")
    assert shown["Signature that falls"] == "verified by Viktor Peeters, 2026-11-01 09:00 +01:00, S1"


def test_a_fallen_verification_can_be_given_anew_and_falls_again(collected):
    correct(collected)
    state = collected.does("viktor", collected.steps.verify, "B1", "S1")
    assert state.step("S1").status is StepStatus.DONE
    assert state.vein_start_at == T0
    second = collected.entries()[-2]
    state = correct(collected, GivenValue("volume", "102.0", "mL"))
    assert second.index in state.voided
    assert len(state.voided) == 2
    assert state.step("S1").status is StepStatus.PERFORMED


def test_before_anybody_verified_nothing_falls(ward):
    ward.a_batch()
    ward.does("nora", ward.steps.start, "B1", "S1")
    ward.does("nora", ward.steps.perform, "B1", "S1", VOLUME)
    state = correct(ward)
    assert state.voided == frozenset()
    assert ward.types()[-1] == "batch:value:corrected"


def test_a_repeated_correction_is_one(collected):
    op = new_op()
    state = correct(collected, op=op)
    size = collected.house.ledger.size
    assert collected.corrections.correct(collected.acting("nora", op, "misread"), "B1", "S1", NEW) == state
    assert collected.house.ledger.size == size


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("reason-missing", {"reason": None}), ("reason-missing", {"reason": ""}),
        ("value-unchanged", {"given": VOLUME[0]}), ("role-missing", {"user": "olivia"}),
        ("number-malformed", {"given": GivenValue("volume", "1,5", "mL")}),
        ("parameter-unknown", {"given": GivenValue("colour", "red")}),
    ],
)  # fmt: skip
def test_a_correction_that_is_refused_changes_nothing(collected, code, changes):
    size = collected.house.ledger.size
    refuses(code, correct, collected, **changes)
    assert collected.house.ledger.size == size


def test_a_value_that_was_never_recorded_cannot_be_corrected(ward):
    ward.a_batch()
    refuses("value-not-recorded", correct, ward)


def test_a_supervisor_may_correct_and_a_value_outside_opens_an_exception(collected):
    state = correct(collected, GivenValue("volume", "300", "mL"), user="sofia")
    assert [one.kind for one in state.exceptions.values()] == ["value"]
    assert collected.row().exceptions == 1


@pytest.mark.parametrize(
    ("first", "disposition"),
    [
        (ev.BatchCertified("C1", "preliminary", T0, (), ()), Disposition.IN_QUESTION),
        (None, Disposition.QUARANTINE),
        (ev.CertificationRefused("preliminary"), Disposition.REFUSED),
    ],
    ids=["certified", "not certified", "refused"],
)
def test_after_the_certificate_a_correction_puts_it_in_question_in_the_list_too(collected, first, disposition):
    if first is not None:
        write = Write(collected.recorder.load("B1").stream, (first.draft(),))
        collected.house.ledger.append(new_op(), [write], actor=Actor.system("test"), now=T0)
    assert correct(collected).disposition is disposition
    assert collected.row().disposition == disposition.value
