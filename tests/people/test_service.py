"""Accounts, roles and credentials through the ledger: what is written, and what is refused without a trace."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from mes.errors import Refusal
from mes.ids import PersonId, new_op, stream
from mes.ledger.entry import Actor, Write
from mes.ledger.events import decode_event
from mes.people.events import PersonDisabled
from mes.people.fold import fold_all
from mes.people.model import CredentialKind, Role
from mes.people.passwords import Hasher, HashParameters
from mes.people.service import PeopleService
from mes.people.tables import all_persons
from tests.people.builders import CHEAP, CONSOLE, PASSWORD
from tests.people.houses import ADMIN, TOUCH, House, open_house


def own(person: PersonId) -> Actor:
    """Return a person as actor about their own account."""
    return Actor("person", person, "Anna Peeters", "account_holder", CONSOLE)


def test_a_person_comes_works_and_leaves(any_house: House) -> None:
    anna = any_house.employ("anna", Role.OPERATOR, Role.VERIFIER)
    any_house.employ("quinn", Role.QA)
    any_house.give(anna.id, Role.SUPERVISOR)
    any_house.people.withdraw_role(anna.id, Role.VERIFIER, by=ADMIN, reason="moved")
    left = any_house.people.disable(anna.id, by=ADMIN, reason="left the site")
    assert left.roles == {Role.OPERATOR, Role.SUPERVISOR}
    assert not left.active
    assert any_house.types_of("person", anna.id) == [
        "person:account:enrolled",
        "person:credential:changed",
        "person:role:granted",
        "person:role:granted",
        "person:identity:proved",
        "person:accountability:accepted",
        "person:access:requested",
        "person:access:approved",
        "person:role:granted",
        "person:role:withdrawn",
        "person:account:disabled",
    ]
    assert any_house.last().document["reason"] == "left the site"
    assert any_house.last().document["actor"]["id"] == "P-ADMIN"


@pytest.mark.rule("REG-A11-12")
def test_the_tables_equal_the_fold_of_the_ledger(any_house: House) -> None:
    anna = any_house.employ("anna", Role.QP, totp=True)
    any_house.people.remove_totp(anna.id, by=ADMIN, reason="phone lost")
    any_house.people.set_password(anna.id, "a password from the desk", by=ADMIN)
    any_house.employ("bart", Role.OPERATOR)
    any_house.people.withdraw_role(anna.id, Role.QP, by=ADMIN)
    with pytest.raises(Refusal):
        any_house.signed_in("bart", password="wrong wrong wrong")
    any_house.signed_in("bart")
    folded = [
        fold_all(decode_event(e.type, e.tv, e.data) for e in any_house.ledger.stream(stream("person", person.id)))
        for person in any_house.people.people()
    ]
    with any_house.ledger.read() as conn:
        assert all_persons(conn, "site-a") == folded
        assert all_persons(conn, "site-b") == []


@pytest.mark.rule("REG-P11-100a", negative=True)
def test_a_user_name_is_never_given_again(house: House) -> None:
    anna = house.employ("anna")
    house.people.disable(anna.id, by=ADMIN, reason="left")
    before = house.ledger.size
    with pytest.raises(Refusal) as refused:
        house.people.enroll(name="Another Anna", user_name="anna", by=ADMIN)
    assert refused.value.code == "user-name-taken"
    assert house.ledger.size == before
    assert len(house.people.people()) == 1


@pytest.mark.rule("REG-P11-100a")
@pytest.mark.rule("REG-P11-100a", negative=True)
def test_of_many_at_once_one_gets_the_user_name(house: House) -> None:
    def enroll(number: int) -> str:
        try:
            return house.people.enroll(name=f"Anna {number}", user_name="anna", by=ADMIN).id
        except Refusal as refused:
            return refused.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(enroll, range(8)))
    assert outcomes.count("user-name-taken") == 7
    assert [person.id for person in house.people.people()] == [one for one in outcomes if one.startswith("P-")]


def test_a_person_id_is_not_given_again_either(house: House) -> None:
    anna = house.employ("anna")
    with pytest.raises(Refusal) as refused:
        house.people.enroll(name="Bart", user_name="bart", by=ADMIN, person_id=anna.id)
    assert refused.value.code == "somebody-was-faster"


@pytest.mark.rule("REG-DI-06", negative=True)
def test_an_administrator_gets_no_gmp_role(house: House) -> None:
    ada = house.employ("ada", Role.ADMINISTRATOR)
    before = house.ledger.size
    with pytest.raises(Refusal) as refused:
        house.people.grant_role(ada.id, Role.QP, by=ADMIN)
    assert refused.value.code == "role-conflict"
    assert house.ledger.size == before


def test_once_there_is_qa_every_role_is_approved(house: House) -> None:
    qa = house.employ("quinn", Role.QA)
    anna = house.employ("anna")
    with pytest.raises(Refusal) as refused:
        house.people.grant_role(anna.id, Role.OPERATOR, by=ADMIN)
    assert refused.value.code == "approval-needed"
    house.people.disable(qa.id, by=ADMIN, reason="left")
    assert house.people.grant_role(anna.id, Role.QA, by=ADMIN).roles == {Role.QA}


def test_unknown_people_are_not_found(house: House) -> None:
    for act in (
        lambda: house.people.person("P-NOBODY"),
        lambda: house.people.grant_role(PersonId("P-NOBODY"), Role.QA, by=ADMIN),
        lambda: house.people.set_password(PersonId("P-NOBODY"), PASSWORD, by=ADMIN),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert (refused.value.code, refused.value.status) == ("person-unknown", 404)


def test_an_own_password_needs_the_present_one(house: House) -> None:
    anna = house.employ("anna")
    stored = house.stored_secrets(anna.id)
    for count, current in enumerate((None, "", "wrong wrong wrong"), start=1):
        house.later(minutes=1)
        with pytest.raises(Refusal) as refused:
            house.people.set_password(anna.id, "a fresh password", by=own(anna.id), current=current)
        assert refused.value.code == "current-password-wrong"
        assert house.last().type == "person:session:refused"
        assert house.last().data["in_a_row"] == count
    assert house.stored_secrets(anna.id) == stored
    house.later(minutes=1)
    house.people.set_password(anna.id, "a fresh password", by=own(anna.id), current=PASSWORD)
    assert house.signed_in("anna", password="a fresh password").person.id == anna.id
    with pytest.raises(Refusal):
        house.signed_in("anna")


@pytest.mark.rule("REG-P11-200a2")
def test_a_password_from_the_desk_is_temporary_and_ends_sessions(house: House) -> None:
    anna = house.employ("anna")
    token, _ = house.people.sign_in("anna", PASSWORD, TOUCH)
    assert house.people.set_password(anna.id, "a password from the desk", by=ADMIN).password_temporary
    assert house.people.session(token) is None
    assert house.signed_in("anna", password="a password from the desk").person.password_temporary
    changed = house.people.set_password(
        anna.id, "a fresh password", by=own(anna.id), current="a password from the desk"
    )
    assert not changed.password_temporary


def test_a_second_factor_takes_password_and_a_code(house: House) -> None:
    anna = house.employ("anna")
    with pytest.raises(Refusal) as refused:
        house.people.enroll_totp(anna.id, "123456", password=PASSWORD, by=own(anna.id))
    assert refused.value.code == "second-factor-not-started"
    house.people.start_totp(anna.id)
    for password, code in ((PASSWORD, "second-factor-wrong"), ("wrong wrong wrong", "current-password-wrong")):
        with pytest.raises(Refusal) as refused:
            house.people.enroll_totp(anna.id, "abcdef", password=password, by=own(anna.id))
        assert refused.value.code == code
    assert CredentialKind.TOTP not in house.people.person(anna.id).credentials


def test_second_factor_secrets_are_encrypted_for_one_person(house: House) -> None:
    anna, bart = house.employ("anna", totp=True), house.employ("bart", totp=True)
    assert house.secrets["anna"] not in house.stored_secrets(anna.id)["totp"]
    assert house.stored_secrets(anna.id)["totp"] != house.stored_secrets(bart.id)["totp"]
    removed = house.people.remove_totp(anna.id, by=ADMIN, reason="phone lost")
    assert removed.credentials == {CredentialKind.PASSWORD}
    assert set(house.stored_secrets(anna.id)) == {"password"}
    assert house.last().document["reason"] == "phone lost"


def test_no_hash_is_made_while_the_ledger_is_locked(tmp_path: Path) -> None:
    """A hash that finds the write lock taken would wait for ever: each hash appends from another thread meanwhile."""

    class Appending(Hasher):
        """Appends an entry from another thread before each hash, and remembers if that could not be done."""

        stuck = 0
        house: House

        def _append(self) -> None:
            write = Write(stream("site", "site-a"), (PersonDisabled(PersonId("P-X")).draft(),))
            self.house.ledger.append(new_op(), [write], actor=Actor.system("test"), now=self.house.clock.now())

        def _meanwhile(self) -> None:
            appending = Thread(target=self._append, daemon=True)
            appending.start()
            appending.join(timeout=5)
            self.stuck += appending.is_alive()

        def hash(self, password: str) -> bytes:
            self._meanwhile()
            return super().hash(password)

        def is_right(self, stored: bytes | None, password: str) -> bool:
            self._meanwhile()
            return super().is_right(stored, password)

    hasher = Appending(CHEAP)
    with open_house(tmp_path, f"sqlite:///{tmp_path / 'site.sqlite'}", hasher=hasher) as house:
        hasher.house = house
        anna = house.employ("anna", totp=True)
        house.signed_in("anna")
        house.people.set_password(anna.id, "a fresh password", by=own(anna.id), current=PASSWORD)
    assert hasher.stuck == 0


@pytest.mark.rule("SEC-13")
def test_a_cheaper_hash_is_replaced_at_sign_in(house: House) -> None:
    anna = house.employ("anna")
    weak = house.stored_secrets(anna.id)["password"]
    dearer = Hasher(HashParameters(passes=2, memory_kib=16, lanes=1))
    people = PeopleService(house.ledger, house.clock, house.sessions, dearer, house.box)
    people.sign_in("anna", PASSWORD, TOUCH)
    strong = house.stored_secrets(anna.id)["password"]
    assert b"m=8,t=1" in weak
    assert b"m=16,t=2" in strong
    people.sign_in("anna", PASSWORD, TOUCH)
    assert house.stored_secrets(anna.id)["password"] == strong
