"""Testimony, holds, exceptions and deviations on a real ledger; free text stands beside the record, detachable."""

import json
from datetime import timedelta

import pytest

from mes.batches.decide.problems import HOLDING, TESTIMONY
from mes.batches.model import Phase
from mes.ids import new_op
from mes.signatures.model import SignaturePrompt
from tests.batches.builders import T0
from tests.batches.houses import Ward, refuses

ACCOUNT = "Bag of Mrs Example was warm; Nurse Jo saw it."
WHEN = T0 - timedelta(minutes=20)


@pytest.fixture
def opened(ward):
    ward.a_batch()
    return ward


def report(ward: Ward, what: str = "wrong_bag_handled", user: str = "otto", account: str = ACCOUNT, when=WHEN, **more):
    named = {"what": what, "account": account, "occurred_at": when, "source": "witness", **more.pop("named", {})}
    return ward.does(user, ward.problems.report, "B1", **named, **more)


@pytest.mark.rule("PRA-06")
def test_what_happened_is_recorded_with_its_own_time_and_its_text_beside_the_ledger(opened):
    report(opened, named={"witness": "N. N.", "step": "S1"})
    reported, exception, deviation, held = opened.entries()[1:]
    assert reported.document["occurred"] == {"at": "2026-11-01T07:40:00.000000Z", "by": "person"}
    assert reported.at == T0
    reference = reported.data["account"]
    assert (reference["bytes"], reference["media"]) == (len(ACCOUNT), "text/plain; charset=utf-8")
    _, body, _ = opened.house.ledger.content(reference["content"])
    assert body.decode() == ACCOUNT
    assert b"Mrs Example" not in opened.house.every_byte()
    assert [one.type for one in (exception, deviation, held)] == [
        "batch:exception:opened", "batch:deviation:opened", "batch:held",
    ]  # fmt: skip
    assert opened.row().phase == "on hold"


def test_the_same_text_twice_is_never_the_same_content(opened):
    report(opened)
    report(opened)
    told = [one.data["account"]["content"] for one in opened.entries() if one.type == "batch:fact:reported"]
    assert len(set(told)) == 2


@pytest.mark.parametrize("what", sorted(TESTIMONY))
def test_only_what_may_have_touched_the_product_holds_the_batch(opened, what):
    state = report(opened, what)
    assert (state.phase is Phase.HELD) is (what in HOLDING)
    assert len(state.deviations) == 1


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("testimony-unknown", {"what": "nice weather"}), ("text-length", {"account": "  "}),
        ("text-length", {"account": "x" * 8001}), ("time-in-future", {"when": T0 + timedelta(seconds=1)}),
    ],
)  # fmt: skip
def test_what_is_no_testimony(opened, code, changes):
    refuses(code, report, opened, **changes)
    assert opened.types() == ["batch:created"]


def test_a_repeated_report_is_one(opened):
    op = new_op()
    assert report(opened, op=op) == report(opened, op=op)
    assert opened.types().count("batch:fact:reported") == 1


def test_holding_takes_a_reason_and_resuming_takes_qa(opened):
    refuses("reason-missing", opened.does, "otto", opened.problems.hold, "B1")
    state = opened.does("otto", opened.problems.hold, "B1", reason="smell of smoke")
    assert (state.phase, state.hold_reason) == (Phase.HELD, "smell of smoke")
    stopped = refuses("batch-not-executing", opened.does, "nora", opened.steps.start, "B1", "S1")
    assert stopped.facts["reason"] == "smell of smoke"
    refuses("batch-held", opened.does, "otto", opened.problems.hold, "B1", reason="again")
    refuses("role-missing", opened.does, "otto", opened.problems.resume, "B1", reason="gone")
    refuses("reason-missing", opened.does, "quinn", opened.problems.resume, "B1")
    op = new_op()
    state = opened.does("quinn", opened.problems.resume, "B1", op=op, reason="it was the kitchen")
    assert state.phase is Phase.EXECUTING
    assert opened.problems.resume(opened.acting("quinn", op, "it was the kitchen"), "B1") == state
    assert opened.entries()[-1].document["signature"]["meaning"] == "QA_REVIEWED"
    assert opened.row().phase == "executing"
    refuses("batch-not-held", opened.does, "quinn", opened.problems.resume, "B1", reason="again")


@pytest.mark.rule("REG-ATMP-19")
def test_a_deviation_goes_from_report_to_approval_through_three_people(opened):
    report(opened)
    refuses("deviation-not-assessed", opened.does, "quinn", opened.problems.approve_deviation, "B1", "B1.D1")
    refuses("role-missing", opened.does, "otto", opened.problems.assess_deviation, "B1", "B1.D1", "no effect")
    opened.does("sofia", opened.problems.assess_deviation, "B1", "B1.D1", "no effect on the product")
    assert opened.row().open_deviations == 1
    op = new_op()
    state = opened.does("quinn", opened.problems.approve_deviation, "B1", "B1.D1", op=op)
    assert state.open_deviations() == ()
    assert opened.row().open_deviations == 0
    assert opened.problems.approve_deviation(opened.acting("quinn", op), "B1", "B1.D1") == state
    refuses("deviation-approved", opened.does, "quirin", opened.problems.approve_deviation, "B1", "B1.D1")
    assert opened.entries()[-1].document["signature"]["meaning"] == "DEV_APPROVED"


def test_who_opened_a_deviation_does_not_approve_it(opened):
    report(opened, user="quinn")
    opened.does("sofia", opened.problems.assess_deviation, "B1", "B1.D1", "no effect")
    refuses("same-person", opened.does, "quinn", opened.problems.approve_deviation, "B1", "B1.D1")
    assert opened.does("quirin", opened.problems.approve_deviation, "B1", "B1.D1").open_deviations() == ()


def test_an_exception_is_assessed_once_and_its_text_is_what_was_signed(opened):
    report(opened, "other")
    acting = opened.acting("sofia")
    with pytest.raises(SignaturePrompt) as prompt:
        opened.problems.assess_exception(acting, "B1", "B1.E1", "a false alarm")
    state = opened.problems.assess_exception(opened.signed(acting, prompt.value), "B1", "B1.E1", "a false alarm")
    assert state.exceptions["B1.E1"].assessed_by == opened.sessions["sofia"].person.id
    signature = opened.entries()[-1].document["signature"]
    items = json.loads(opened.house.ledger.shown(signature["shown"]))["items"]
    digest = state.exceptions["B1.E1"].assessment
    assert {"label": "Assessment", "value": f"content {digest}"} in items
    assert opened.house.ledger.content(digest)[1] == b"a false alarm"
    refuses("exception-assessed", opened.does, "sofia", opened.problems.assess_exception, "B1", "B1.E1", "again")


@pytest.mark.parametrize(
    ("code", "act", "given"),
    [
        ("exception-unknown", "assess_exception", ("B1.E9", "x")), ("exception-unknown", "raise_deviation", ("B1.E9",)),
        ("deviation-unknown", "assess_deviation", ("B1.D9", "x")), ("deviation-unknown", "approve_deviation", ("D",)),
        ("deviation-open", "raise_deviation", ("B1.E1",)), ("text-length", "assess_exception", ("B1.E1", "")),
    ],
)  # fmt: skip
def test_what_cannot_be_assessed(opened, code, act, given):
    report(opened)
    size = opened.house.ledger.size
    refuses(code, opened.does, "sofia", getattr(opened.problems, act), "B1", *given)
    assert opened.house.ledger.size == size


def test_a_text_that_changed_between_prompt_and_signature_is_shown_again(opened):
    report(opened, "other")
    acting = opened.acting("sofia")
    with pytest.raises(SignaturePrompt) as prompt:
        opened.problems.assess_exception(acting, "B1", "B1.E1", "a false alarm")
    signed = opened.signed(acting, prompt.value)
    refuses("shown-changed", opened.problems.assess_exception, signed, "B1", "B1.E1", "another text")
