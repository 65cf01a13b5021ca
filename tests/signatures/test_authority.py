"""Role by meaning and role by action, every cell: who may sign what, held against tables written from the catalogue."""

from pathlib import Path

import pytest
import yaml

from mes.errors import Refusal
from mes.ids import PersonId
from mes.people.model import HARD_CONFLICTS, Person, Role
from mes.signatures.authority import ANYBODY, AUTHORITY, check_authority
from mes.signatures.meanings import Meaning

HERE = Path(__file__).parent
WRITTEN = yaml.safe_load((HERE / "authority.yaml").read_text())
SECTION_C = yaml.safe_load((HERE / "section_c.yaml").read_text())
COLUMNS = {code: Role(role) for code, role in SECTION_C["columns"].items()}


def a_person(*roles: Role) -> Person:
    return Person(PersonId("P-1"), "Anna Peeters", "anna", frozenset(roles))


def may_sign(meaning: Meaning, *roles: Role) -> bool:
    try:
        check_authority(a_person(*roles), meaning)
    except Refusal as refused:
        assert (refused.code, refused.status) == ("meaning-not-yours", 403)  # noqa: PT017
        return False
    return True


def test_the_table_is_whole() -> None:
    assert set(AUTHORITY) == set(Meaning)
    assert set(WRITTEN) == {role.value for role in Role}
    assert set(COLUMNS.values()) == set(Role)


@pytest.mark.rule("REG-P11-10g")
@pytest.mark.rule("REG-P11-10g", negative=True)
@pytest.mark.parametrize("meaning", Meaning)
@pytest.mark.parametrize("role", Role)
def test_role_by_meaning(role: Role, meaning: Meaning) -> None:
    wanted = meaning in ANYBODY or meaning.value in WRITTEN[role.value]
    assert may_sign(meaning, role) is wanted


@pytest.mark.rule("REG-P11-10g")
@pytest.mark.rule("REG-P11-10g", negative=True)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", SECTION_C["rows"], ids=lambda row: row["action"])
def test_role_by_action(row: dict, column: str) -> None:
    does = all(may_sign(Meaning(one), COLUMNS[column]) for one in row["signs"])
    assert does is (column in row["does"])


@pytest.mark.rule("REG-DI-06", negative=True)
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.SECURITY_OFFICER, Role.AUDITOR, Role.CONTROL_SITE])
def test_who_runs_the_system_or_reads_it_signs_nothing_about_a_batch(role: Role) -> None:
    system = {Meaning.CHANGE_REQUESTED, Meaning.CHANGE_IMPLEMENTED, Meaning.IDENTITY_PROVED,
              Meaning.RESTORE_DRILL_PASSED, *ANYBODY}  # fmt: skip
    assert [one for one in Meaning if one not in system and may_sign(one, role)] == []


@pytest.mark.rule("REG-DI-06")
def test_the_conflicting_roles_share_no_meaning_of_a_batch() -> None:
    for role in HARD_CONFLICTS[Role.ADMINISTRATOR]:
        shared = {one.value for one in Meaning if may_sign(one, role) and may_sign(one, Role.ADMINISTRATOR)}
        assert shared <= {"CHANGE_REQUESTED", "IDENTITY_PROVED", "RESTORE_DRILL_PASSED", "ACCOUNTABILITY_ACCEPTED"}


@pytest.mark.rule("REG-P11-10g", negative=True)
def test_a_person_without_a_role_signs_their_accountability_alone() -> None:
    assert [one for one in Meaning if may_sign(one)] == [Meaning.ACCOUNTABILITY_ACCEPTED]


@pytest.mark.rule("REG-P11-10g")
def test_one_of_several_roles_is_enough() -> None:
    assert may_sign(Meaning.VERIFIED, Role.OPERATOR, Role.VERIFIER)
