"""Rights through the ledger: what is written, what the tables tell, and what those who watch see."""

from datetime import timedelta

import pytest

from mes.ids import new_op
from mes.ledger.entry import Actor
from mes.people.model import Role, Standing
from tests.people.builders import CONSOLE, PASSWORD
from tests.people.houses import ADMIN, APPROVER, ASKER, TOUCH, House, code_of, scribble


@pytest.mark.rule("REG-A11-12")
def test_access_is_asked_for_approved_and_executed_in_the_ledger(any_house: House) -> None:
    any_house.employ("quinn", Role.QA)
    anna = any_house.employ("anna")
    room = any_house.people
    request = room.request_access(anna.id, Role.OPERATOR, by=ASKER, reason="new in the team", op=new_op())
    assert code_of(room.grant_role, anna.id, Role.OPERATOR, by=ADMIN) == "approval-needed"
    room.approve_access(request, by=APPROVER, sign=scribble, op=new_op())
    approved = any_house.last()
    assert [row.state for row in room.access_requests()] == ["approved"]
    assert room.grant_role(anna.id, Role.OPERATOR, by=ADMIN).roles == {Role.OPERATOR}
    granted = any_house.last()
    assert granted.data == {"person": anna.id, "role": "operator", "approver": "P-APPROVER"}
    assert [ref["index"] for ref in granted.document["refs"]] == [approved.index]
    assert room.access_requests() == []
    room.withdraw_role(anna.id, Role.OPERATOR, by=ADMIN, reason="moved")
    assert code_of(room.grant_role, anna.id, Role.OPERATOR, by=ADMIN) == "approval-needed"


def test_a_repeated_operation_changes_nothing_and_another_act_is_told(house: House) -> None:
    house.employ("quinn", Role.QA)
    anna, room, op = house.employ("anna"), house.people, new_op()
    first = room.request_access(anna.id, Role.OPERATOR, by=ASKER, reason="new", op=op)
    before = house.ledger.size
    assert room.request_access(anna.id, Role.OPERATOR, by=ASKER, reason="new", op=op) == first
    assert house.ledger.size == before
    assert code_of(room.approve_access, first, by=APPROVER, sign=scribble, op=op) == "operation-other"
    assert code_of(room.refuse_access, "R-NONE", by=APPROVER, reason="x", op=new_op()) == "access-unknown"


@pytest.mark.rule("REG-P11-100b")
def test_qa_proves_again_what_was_proved_at_start_up(any_house: House) -> None:
    room = any_house.people
    quinn = any_house.employ("quinn", Role.QA, signs=False)
    assert not room.has_signing_qa()
    started = room.prove_identity(quinn.id, "passport, seen", by=ADMIN, sign=scribble, op=new_op())
    assert started.standing == {Standing.BOOTSTRAP}
    assert any_house.last().data["bootstrap"]
    own = Actor("person", quinn.id, quinn.name, "account_holder", CONSOLE)
    room.accept_accountability(quinn.id, by=own, sign=scribble, op=new_op())
    assert room.has_signing_qa()
    assert code_of(
        room.prove_identity, any_house.employ("rik", Role.QA, signs=False).id, "passport, seen", by=ADMIN,
        sign=scribble, op=new_op(),
    ) == "identity-by-qa"  # fmt: skip
    again = room.prove_identity(quinn.id, "identity card, seen", by=APPROVER, sign=scribble, op=new_op())
    assert again.standing == {Standing.IDENTITY, Standing.ACCOUNTABLE}


@pytest.mark.rule("REG-A11D-11-1")
def test_a_review_withdraws_in_the_same_operation_and_starts_the_quarter_anew(any_house: House) -> None:
    room = any_house.people
    anna = any_house.employ("anna", Role.OPERATOR, Role.VERIFIER)
    bart = any_house.employ("bart", Role.QP)
    assert not room.review_state()["overdue"]
    any_house.later(days=93)
    assert room.review_state()["overdue"]
    verdicts = {anna.id: "withdrawn", bart.id: "confirmed"}
    room.review_access(verdicts, by=APPROVER, sign=scribble, op=new_op())
    assert room.person(anna.id).roles == frozenset()
    assert room.person(bart.id).roles == {Role.QP}
    state = room.review_state()
    assert (state["by"], state["overdue"]) == ("P-APPROVER", False)
    assert state["due"] - state["last"] == timedelta(days=92)


@pytest.mark.rule("REG-P11-300a-e")
@pytest.mark.rule("SEC-11")
@pytest.mark.rule("SEC-33")
def test_the_fifth_failure_in_a_row_raises_an_alert_in_the_same_operation(any_house: House) -> None:
    anna = any_house.employ("anna")
    for count in range(1, 11):
        any_house.later(minutes=2)
        assert code_of(any_house.people.sign_in, "anna", "wrong wrong wrong", TOUCH) == "sign-in-failed"
        assert any_house.people.open_alerts() == count // 5
    newest, first = any_house.people.alerts()
    assert (newest.in_a_row, first.in_a_row, first.person, first.terminal) == (10, 5, anna.id, TOUCH)
    assert any_house.last().type == "person:security:alerted"
    assert any_house.ledger.entry(any_house.last().index - 1).op == any_house.last().op
    any_house.people.acknowledge(first.id, by=ADMIN, reason="a new keyboard", op=new_op())
    assert any_house.people.open_alerts() == 1
    assert any_house.last().document["reason"] == "a new keyboard"


@pytest.mark.rule("REG-P11-300a-e")
def test_guessing_at_a_name_nobody_has_raises_an_alert_too(house: House) -> None:
    for _ in range(5):
        house.later(minutes=2)
        code_of(house.people.sign_in, "nobody.here", "wrong wrong wrong", TOUCH)
    (alert,) = house.people.alerts()
    assert alert.person is None
    assert b"nobody.here" not in house.every_byte()


@pytest.mark.rule("SEC-33")
def test_what_those_who_watch_see(house: House) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    house.signed_in("anna")
    code_of(house.people.sign_in, "anna", "wrong wrong wrong", TOUCH)
    house.people.withdraw_role(anna.id, Role.OPERATOR, by=ADMIN, reason="moved")
    house.people.disable(anna.id, by=ADMIN, reason="left")
    types = [one.type for one in house.people.watched()]
    assert types[:3] == ["person:account:disabled", "person:role:withdrawn", "person:session:refused"]
    assert {"person:account:enrolled", "person:role:granted", "person:credential:changed"} <= set(types)
    assert "person:session:started" not in types
    assert house.people.last_sign_ins()[anna.id] == house.clock.now()


@pytest.mark.rule("SEC-08")
@pytest.mark.rule("SEC-08", negative=True)
def test_a_renewed_session_leaves_every_older_id_dead(house: House) -> None:
    house.employ("anna")
    tokens = [house.people.sign_in("anna", PASSWORD, terminal)[0] for terminal in (TOUCH, "touch-2")]
    here = house.people.session(tokens[0])
    assert here is not None
    fresh = house.people.renew(here)
    assert [house.people.session(token) for token in tokens] == [None, None]
    renewed = house.people.session(fresh)
    assert renewed is not None
    assert (renewed.person.id, renewed.terminal) == (here.person.id, TOUCH)
    house.people.sign_out(fresh)
    assert house.people.session(house.people.renew(here)) is None
