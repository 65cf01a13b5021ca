"""The first administrator comes by a one-time code, once, and there is no other way in."""

from typing import Any

import pytest

from mes.errors import Refusal
from mes.people.first_administrator import FILE, create_first_code, redeem_first_code
from mes.people.model import Role
from tests.people.builders import CONSOLE, PASSWORD
from tests.people.houses import House

GIVEN = {"name": "Ada Peeters", "user_name": "ada", "password": PASSWORD, "terminal": CONSOLE}


def redeem(house: House, code: str, **changes: Any) -> str:
    """Hand in a code."""
    given = {**GIVEN, **changes}
    keys = house.folder / "keys"
    return redeem_first_code(house.ledger, house.clock, house.hasher, keys, code, wall=house.wall, **given)


def created(house: House) -> str:
    """Make a code as the console does."""
    return create_first_code(house.ledger, house.folder / "keys", wall=house.wall)


@pytest.mark.parametrize("typed", [str, str.lower, lambda code: f" {code.replace('-', '')} "])
def test_the_code_makes_an_administrator_with_an_own_password(any_house: House, typed: Any) -> None:
    ident = redeem(any_house, typed(created(any_house)))
    ada = any_house.people.person(ident)
    assert (ada.name, ada.roles, ada.password_temporary) == ("Ada Peeters", {Role.ADMINISTRATOR}, False)
    assert any_house.signed_in("ada").person == ada
    assert any_house.types_of("person", ident)[:3] == [
        "person:account:enrolled",
        "person:role:granted",
        "person:credential:changed",
    ]
    assert len({entry.op for entry in any_house.ledger.stream(any_house.last().stream)[:3]}) == 1


def test_a_site_begins_with_nobody(house: House) -> None:
    assert house.people.people() == []


def test_the_code_lies_nowhere_and_its_file_is_private(house: House) -> None:
    code = created(house)
    path = house.folder / "keys" / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert code.encode() not in path.read_bytes()
    assert code.replace("-", "").encode() not in path.read_bytes()
    redeem(house, code)
    assert not path.exists()
    assert code.encode() not in house.every_byte()


def test_the_code_counts_once(house: House) -> None:
    code = created(house)
    redeem(house, code)
    with pytest.raises(Refusal) as refused:
        redeem(house, code, user_name="eve")
    assert refused.value.code == "first-code-wrong"
    with pytest.raises(Refusal) as refused:
        created(house)
    assert refused.value.code == "first-administrator-exists"


def test_a_second_code_voids_the_first_and_both_die_after_a_day(house: House) -> None:
    first, second = created(house), created(house)
    with pytest.raises(Refusal):
        redeem(house, first)
    house.wall.now += 24 * 3600 + 1
    with pytest.raises(Refusal) as refused:
        redeem(house, second)
    assert (refused.value.code, refused.value.status) == ("first-code-wrong", 401)


def test_a_wrong_code_is_recorded_without_it(house: House) -> None:
    created(house)
    with pytest.raises(Refusal):
        redeem(house, "ABCDE-ABCDE-ABCDE-ABCDE-ABCDE")
    assert house.last().data == {"terminal": CONSOLE, "in_a_row": 1}
    assert b"ABCDE" not in house.every_byte()


def test_without_a_code_waiting_nothing_is_even_recorded(house: House) -> None:
    before = house.ledger.size
    with pytest.raises(Refusal):
        redeem(house, "anything")
    assert house.ledger.size == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "short"}, "password-short"),
        ({"password": "my name is ada ok"}, "password-has-user-name"),
        ({"user_name": "A"}, "user-name-malformed"),
        ({"name": ""}, "name-malformed"),
        ({"terminal": "a b"}, "id-malformed"),
    ],
)
def test_a_form_filled_in_badly_does_not_use_up_the_code(house: House, changes: dict[str, str], code: str) -> None:
    given = created(house)
    before = house.ledger.size
    with pytest.raises(Refusal) as refused:
        redeem(house, given, **changes)
    assert (refused.value.code, house.ledger.size) == (code, before)
    assert house.people.person(redeem(house, given)).user_name == "ada"


def test_a_code_found_later_makes_no_second_administrator(house: House) -> None:
    code = created(house)
    house.employ("anna")
    with pytest.raises(Refusal) as refused:
        redeem(house, code)
    assert refused.value.code == "first-administrator-exists"
    assert [person.user_name for person in house.people.people()] == ["anna"]
