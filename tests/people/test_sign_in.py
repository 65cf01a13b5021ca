"""Signing in and out: one answer for every failure, each recorded without what was typed."""

import pytest

from mes.errors import Refusal
from mes.ids import PersonId
from mes.people.model import Role, Session
from tests.people.builders import PASSWORD
from tests.people.houses import ADMIN, TOUCH, House

WRONG = "Magpie under the bridge"


def refused(house: House, user_name: str, password: str = WRONG, terminal: str = TOUCH) -> Refusal:
    """Fail to sign in and return the refusal."""
    with pytest.raises(Refusal) as caught:
        house.people.sign_in(user_name, password, terminal)
    return caught.value


def test_signing_in_and_out_is_recorded(any_house: House) -> None:
    anna = any_house.employ("anna", Role.OPERATOR)
    token, session = any_house.people.sign_in(" Anna ", PASSWORD, TOUCH)
    assert isinstance(session, Session)
    assert (session.person.id, session.terminal, session.signed_before) == (anna.id, TOUCH, False)
    assert any_house.last().data == {"person": anna.id, "terminal": TOUCH}
    actor = any_house.last().document["actor"]
    assert (actor["id"], actor["name"], actor["role"], actor["terminal"]) == (
        anna.id,
        "Anna Peeters",
        "account_holder",
        TOUCH,
    )
    assert any_house.people.session(token) == session
    any_house.people.sign_out(token)
    assert any_house.people.session(token) is None
    assert any_house.types_of("person", anna.id)[-2:] == ["person:session:started", "person:session:ended"]


def test_signing_out_twice_is_recorded_once(house: House) -> None:
    house.employ("anna")
    token, _ = house.people.sign_in("anna", PASSWORD, TOUCH)
    house.people.sign_out(token)
    before = house.ledger.size
    house.people.sign_out(token)
    house.people.sign_out("no token at all")
    assert house.ledger.size == before


@pytest.mark.rule("SEC-12", negative=True)
def test_every_failure_looks_the_same(house: House) -> None:
    house.employ("anna")
    left = house.employ("bart")
    house.people.disable(left.id, by=ADMIN, reason="left")
    house.people.enroll(name="Chris Peeters", user_name="chris", by=ADMIN)
    answers = {
        str(refused(house, "anna")),
        str(refused(house, "anna", "")),
        str(refused(house, "nobody-here")),
        str(refused(house, "bart", PASSWORD)),
        str(refused(house, "chris", PASSWORD)),
        str(refused(house, "")),
        str(refused(house, "\ud800\x00' OR 1=1 --")),
        str(refused(house, "x" * 100_000)),
    }
    assert answers == {"sign-in-failed"}


@pytest.mark.rule("REG-P11-300a-e")
def test_a_failure_is_recorded_where_it_belongs(any_house: House) -> None:
    anna = any_house.employ("anna")
    for count in (1, 2, 3):
        any_house.later(minutes=1)
        assert refused(any_house, "anna").status == 401
        assert any_house.last().data == {"person": anna.id, "terminal": TOUCH, "in_a_row": count}
        assert any_house.last().stream == f"person/{anna.id}"
    refused(any_house, WRONG)
    assert any_house.last().data == {"terminal": TOUCH, "in_a_row": 1}
    assert (any_house.last().stream, any_house.last().type) == ("site/site-a", "person:session:refused")
    assert any_house.last().document["actor"] == {"kind": "system", "id": "sign-in"}


def test_an_account_that_ended_is_refused_and_not_signed_in(house: House) -> None:
    left = house.employ("bart")
    house.people.disable(left.id, by=ADMIN, reason="left")
    refused(house, "bart", PASSWORD)
    assert (house.last().type, house.last().stream) == ("person:session:refused", f"person/{left.id}")


def test_a_live_page_does_not_count_as_a_person(house: House) -> None:
    house.employ("anna")
    token, _ = house.people.sign_in("anna", PASSWORD, TOUCH)
    for _ in range(2):
        house.later(minutes=8)
        last = house.people.session(token, is_activity=False)
    assert last is None


@pytest.mark.rule("SEC-32", negative=True)
def test_what_was_typed_is_stored_nowhere(house: House) -> None:
    anna = house.employ("anna", totp=True)
    refused(house, "anna", WRONG)
    refused(house, WRONG, "Heron in the reeds")
    house.signed_in("anna")
    house.people.set_password(anna.id, "Bittern by the dyke", by=ADMIN)
    house.sessions.close()
    typed = (PASSWORD, WRONG, WRONG.lower(), "Heron in the reeds", "Bittern by the dyke")
    kept = house.every_byte() + b"".join(path.read_bytes() for path in house.folder.rglob("*") if path.is_file())
    assert [text for text in typed if text.encode() in kept] == []
    assert house.secrets["anna"] not in kept
    assert b"argon2id" not in house.every_byte()
    assert b"argon2id" in kept


@pytest.mark.rule("SEC-11")
@pytest.mark.rule("SEC-11", negative=True)
def test_a_guesser_is_slowed_and_a_colleague_is_not(house: House) -> None:
    house.employ("anna")
    house.employ("bart")
    house.signed_in("anna", terminal="touch-2")
    for _ in range(3):
        refused(house, "anna")
    before = house.ledger.size
    slowed = refused(house, "anna", PASSWORD)
    assert (slowed.code, slowed.status, slowed.facts) == ("too-many-attempts", 429, {"wait_s": 1})
    assert house.ledger.size == before
    assert house.signed_in("bart").person.user_name == "bart"
    assert house.signed_in("anna", terminal="touch-2").person.user_name == "anna"
    house.wall.now += 1.1
    assert house.signed_in("anna").person.user_name == "anna"


def test_an_unknown_name_is_slowed_as_a_known_one_is(house: House) -> None:
    for _ in range(3):
        refused(house, "nobody-here")
    assert refused(house, "nobody-here").code == "too-many-attempts"


@pytest.mark.parametrize("terminal", ["", "a b", "../x", "x" * 65])
def test_a_terminal_has_a_proper_name(house: House, terminal: str) -> None:
    house.employ("anna")
    before = house.ledger.size
    assert refused(house, "anna", PASSWORD, terminal).code == "id-malformed"
    assert house.ledger.size == before


@pytest.mark.rule("SEC-10")
def test_ending_an_account_ends_every_session_of_it(house: House) -> None:
    anna = house.employ("anna")
    house.employ("bart")
    tokens = [house.people.sign_in("anna", PASSWORD, terminal)[0] for terminal in (TOUCH, "touch-2")]
    other, _ = house.people.sign_in("bart", PASSWORD, TOUCH)
    house.people.disable(anna.id, by=ADMIN, reason="left")
    assert [house.people.session(token) for token in tokens] == [None, None]
    assert house.people.session(other) is not None
    assert house.sessions.end_all(anna.id) == 0


def test_a_session_of_an_account_that_ended_meanwhile_is_none(house: House) -> None:
    anna = house.employ("anna")
    house.people.disable(anna.id, by=ADMIN, reason="left")
    late = house.sessions.start(anna.id, TOUCH)
    assert house.people.session(late) is None
    assert house.sessions.find(late) is None
    stray = house.sessions.start(PersonId("P-NOBODY"), TOUCH)
    assert house.people.session(stray) is None


@pytest.mark.rule("REG-P11-200a1")
def test_a_session_belongs_to_its_terminal(house: House) -> None:
    house.employ("anna")
    token, _ = house.people.sign_in("anna", PASSWORD, TOUCH)
    assert house.people.session(token, terminal="touch-2") is None
    assert house.people.session(token, terminal=TOUCH) is not None


def test_each_sign_in_has_a_token_of_its_own(house: House) -> None:
    house.employ("anna")
    one, first = house.people.sign_in("anna", PASSWORD, TOUCH)
    two, second = house.people.sign_in("anna", PASSWORD, TOUCH)
    assert one != two
    assert first.csrf != second.csrf
    assert one not in repr(first)


def test_a_role_counts_from_the_next_request(house: House) -> None:
    anna = house.employ("anna")
    token, session = house.people.sign_in("anna", PASSWORD, TOUCH)
    house.people.grant_role(anna.id, Role.OPERATOR, by=ADMIN)
    present = house.people.session(token)
    assert present is not None
    assert present.person.roles == {Role.OPERATOR}
    assert session.person.roles == frozenset()
