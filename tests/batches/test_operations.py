"""An operation is done once: sent again it gets its answer, for another act it is refused, and of two one wins."""

import threading

import pytest

from mes.batches.decide.values import GivenValue
from mes.batches.model import StepStatus
from mes.errors import Refusal
from mes.ids import new_op
from mes.ledger.verify import verify_ledger
from tests.batches.houses import Ward, refuses, with_device

VOLUME = (GivenValue("volume", "100.0", "mL"),)


@pytest.fixture
def begun(ward):
    """A ward with a batch and a fit device."""
    with_device(ward)
    ward.a_batch()
    return ward


@pytest.mark.rule("FLT-30", "FLT-32", "REL-02")
def test_what_is_sent_twice_is_done_once_and_answered_twice(begun):
    op = new_op()
    first = begun.does("nora", begun.steps.start, "B1", "S1", op=op)
    size = begun.house.ledger.size
    assert begun.does("nora", begun.steps.start, "B1", "S1", op=op) == first
    assert begun.house.ledger.size == size


@pytest.mark.rule("REL-02", negative=True)
def test_an_operation_that_stands_for_another_act_is_refused(begun):
    begun.a_batch("B2", "O2")
    op = new_op()
    begun.does("nora", begun.steps.start, "B1", "S1", op=op)
    before = begun.house.ledger.size
    text = {"what": "x", "account": "y", "occurred_at": begun.house.clock.now(), "source": "paper"}
    others = [
        ("olivia", begun.steps.start, ("B1", "S1"), {}),  # another person
        ("nora", begun.steps.start, ("B2", "S1"), {}),  # another batch
        ("nora", begun.steps.start, ("B1", "S2"), {}),  # another step
        ("nora", begun.steps.perform, ("B1", "S1", VOLUME), {}),  # another act
        ("quinn", begun.problems.hold, ("B1",), {"reason": "why"}),
        ("quinn", begun.problems.resume, ("B1",), {"reason": "why"}),
        ("nora", begun.problems.report, ("B1",), text),
        ("claire", begun.corrections.correct, ("B1", "S1", VOLUME[0]), {"reason": "why"}),
    ]
    for user, act, given, named in others:
        refuses("operation-other", begun.does, user, act, *given, op=op, **named)
    assert begun.house.ledger.size == before
    assert verify_ledger(begun.engine).size == before


def race(ward: Ward, batch: str) -> list[str]:
    """Let two clients confirm the same step at the same moment; return how each was answered."""
    for user in ("claire", "quinn", "nora"):  # each round takes minutes of wall time, after which a terminal locks
        ward.sessions[user] = ward.house.signed_in(user)
    ward.a_batch(batch, f"O-{batch}")
    ward.does("nora", ward.steps.start, batch, "S1")
    acts = []
    for _ in range(2):
        acting = ward.acting("nora")
        try:
            ward.steps.perform(acting, batch, "S1", VOLUME)
        except Refusal as prompt:
            acts.append(ward.signed(acting, prompt))
    line, answers = threading.Barrier(2), []

    def confirm(acting: object) -> None:
        line.wait()
        try:
            ward.steps.perform(acting, batch, "S1", VOLUME)
            answers.append("done")
        except Refusal as refusal:
            answers.append(f"{refusal.status} {refusal.code}")

    clients = [threading.Thread(target=confirm, args=(each,)) for each in acts]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert ward.types(batch).count("batch:step:performed") == 1
    assert ward.recorder.load(batch).step("S1").status is not StepStatus.STARTED
    return sorted(answers)


def rounds(ward: Ward, count: int) -> None:
    """Run that many races and look at the ledger after the last."""
    for n in range(count):
        lost, won = race(ward, f"R{n}")
        assert won == "done"
        assert lost.startswith("409 "), lost
    assert verify_ledger(ward.engine).size == ward.house.ledger.size


@pytest.mark.rule("FLT-33", negative=True)
def test_of_two_who_confirm_the_same_step_one_wins(ward):
    rounds(ward, 20)


@pytest.mark.campaign
@pytest.mark.rule("FLT-33", negative=True)
@pytest.mark.parametrize("half", [1, 2])  # a ward has numbers for 499 orders
def test_of_two_who_confirm_the_same_step_one_wins_five_hundred_times(ward, half):
    rounds(ward, 250)
