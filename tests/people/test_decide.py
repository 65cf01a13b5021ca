"""Who may get an account, a role, a password; each refusal by its code."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.ids import PersonId
from mes.ledger.entry import Actor
from mes.people import decide
from mes.people.events import CredentialChanged, PersonEnrolled, RoleGranted, RoleWithdrawn
from mes.people.model import AccessRequest, Asked, CredentialKind, Role, Session
from tests.people.builders import PASSWORD, a_person

ANNA = PersonId("P-ANNA")
REQUEST = AccessRequest("R-1", ANNA, Role.OPERATOR, PersonId("P-ASKER"), Asked.APPROVED, PersonId("P-QA"))
GMP = {Role.OPERATOR, Role.VERIFIER, Role.QC_ANALYST, Role.QC_REVIEWER, Role.QA, Role.QP}
TOTP = frozenset({CredentialKind.PASSWORD, CredentialKind.TOTP})


def test_an_account_keeps_the_name_as_it_is_printed() -> None:
    assert decide.enroll(ANNA, "  Zoe\u0308 Muller ", "zmuller") == PersonEnrolled(ANNA, "Zoë Muller", "zmuller")


@pytest.mark.parametrize(
    ("name", "user_name", "code"),
    [
        ("Anna", "AVisser", "user-name-malformed"),
        ("Anna", "av", "user-name-malformed"),
        ("Anna", "a" * 33, "user-name-malformed"),
        ("Anna", "-anna", "user-name-malformed"),
        ("Anna", "anna visser", "user-name-malformed"),
        ("Anna", "anna\n", "user-name-malformed"),
        ("   ", "avisser", "name-malformed"),
        ("A" * 101, "avisser", "name-malformed"),
        ("Anna", "operator1", "user-name-generic"),
        ("Anna\nVisser", "avisser", "name-malformed"),
        ("Anna \u202eressiV", "avisser", "name-malformed"),
    ],
)
def test_an_account_is_refused(name: str, user_name: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.enroll(ANNA, name, user_name)
    assert refused.value.code == code


def test_qa_approves_what_another_executes() -> None:
    granted = decide.grant_role(
        a_person(), Role.OPERATOR, executor="P-ADMIN", request=REQUEST, site_has_signing_qa=True
    )
    assert granted == RoleGranted(ANNA, Role.OPERATOR, PersonId("P-QA"))


def test_a_site_whose_qa_cannot_sign_yet_grants_without_request() -> None:
    granted = decide.grant_role(a_person(), Role.QA, executor="P-ADMIN", request=None, site_has_signing_qa=False)
    assert granted == RoleGranted(ANNA, Role.QA)


@pytest.mark.rule("REG-A11-12", negative=True)
@pytest.mark.parametrize(
    ("person", "executor", "request_", "code"),
    [
        (a_person(active=False), "P-ADMIN", REQUEST, "person-disabled"),
        (a_person(Role.OPERATOR), "P-ADMIN", REQUEST, "role-held"),
        (a_person(), "P-ANNA", REQUEST, "own-role"),
        (a_person(), "P-ADMIN", None, "approval-needed"),
        (a_person(), "P-ADMIN", replace(REQUEST, state=Asked.OPEN, approver=None), "approval-needed"),
        (a_person(), "P-ADMIN", replace(REQUEST, state=Asked.EXECUTED), "approval-needed"),
        (a_person(), "P-ADMIN", replace(REQUEST, role=Role.QP), "approval-needed"),
        (a_person(), "P-ADMIN", replace(REQUEST, person=PersonId("P-OTHER")), "approval-needed"),
        (a_person(), "P-QA", REQUEST, "access-same-person"),
        (a_person(), "P-ASKER", REQUEST, "access-same-person"),
    ],
)
def test_a_role_is_refused(person: object, executor: str, request_: object, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.grant_role(person, Role.OPERATOR, executor=executor, request=request_, site_has_signing_qa=True)
    assert refused.value.code == code


@pytest.mark.rule("REG-DI-06")
@pytest.mark.rule("REG-DI-06", negative=True)
@pytest.mark.parametrize(("held", "asked"), list(product(Role, Role)))
def test_the_conflict_matrix_whole(held: Role, asked: Role) -> None:
    person, given_ = a_person(held), replace(REQUEST, role=asked)
    if held is asked:
        expected = "role-held"
    elif Role.ADMINISTRATOR in (held, asked) and {held, asked} & GMP:
        expected = "role-conflict"
    else:
        expected = None
    if expected is None:
        assert decide.grant_role(person, asked, executor="x", request=given_, site_has_signing_qa=True).role is asked
        return
    with pytest.raises(Refusal) as refused:
        decide.grant_role(person, asked, executor="x", request=given_, site_has_signing_qa=True)
    assert refused.value.code == expected


def test_a_role_is_withdrawn_without_approver_but_only_if_held() -> None:
    assert decide.withdraw_role(a_person(Role.QP), Role.QP) == RoleWithdrawn(ANNA, Role.QP)
    with pytest.raises(Refusal) as refused:
        decide.withdraw_role(a_person(), Role.QP)
    assert refused.value.code == "role-not-held"


@pytest.mark.parametrize(
    ("person", "executor", "reason", "code"),
    [
        (a_person(active=False), "P-ADMIN", "left", "person-disabled"),
        (a_person(), "P-ANNA", "left", "own-account"),
        (a_person(), "P-ADMIN", " ", "reason-needed"),
    ],
)
def test_an_account_is_not_ended(person: object, executor: str, reason: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.disable(person, executor=executor, reason=reason)
    assert refused.value.code == code


@pytest.mark.rule("REG-P11-200a2")
def test_a_password_set_by_another_is_temporary() -> None:
    own = decide.set_password(a_person(), PASSWORD, by="P-ANNA")
    others = decide.set_password(a_person(), PASSWORD, by="P-ADMIN")
    assert own == CredentialChanged(ANNA, CredentialKind.PASSWORD)
    assert others.temporary


@pytest.mark.rule("SEC-14", negative=True)
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Kestrel", "password-short"),
        ("elevenchars", "password-short"),
        ("e\u0301" * 11, "password-short"),
        ("x" * 257, "password-long"),
        ("my name is AVISSER ok", "password-has-user-name"),
        ("Password2026!", "password-common"),
        ("dragondragondragon", "password-common"),
        ("QWERTY123456", "password-common"),
        ("..summer..2026..", "password-common"),
        ("000000000000000000", "password-common"),
    ],
)
def test_a_password_is_refused_without_repeating_it(password: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.check_password(password, "avisser")
    assert refused.value.code == code
    assert password not in str(refused.value)


@pytest.mark.rule("SEC-14")
@given(st.text(min_size=12, max_size=256).filter(lambda text: 12 <= len(decide.normal(text)) <= 256))
def test_any_characters_make_a_password(password: str) -> None:
    assume(not decide.is_common(decide.normal(password)))
    decide.check_password(password, "\x00\x01\x02")


@pytest.mark.parametrize(
    ("person", "by", "code"),
    [
        (a_person(active=False), "P-ANNA", "person-disabled"),
        (a_person(), "P-ADMIN", "not-yours"),
        (a_person(password_temporary=True), "P-ANNA", "password-temporary"),
        (a_person(credentials=TOTP), "P-ANNA", "second-factor-enrolled"),
    ],
)
def test_a_second_factor_is_not_enrolled(person: object, by: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.enroll_totp(person, by=by)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("person", "by", "code"),
    [
        (a_person(credentials=TOTP), "P-ANNA", "own-second-factor"),
        (a_person(), "P-ADMIN", "second-factor-not-enrolled"),
    ],
)
def test_a_second_factor_is_not_removed(person: object, by: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decide.remove_totp(person, by=by)
    assert refused.value.code == code


@pytest.mark.rule("REG-P11-10g")
@pytest.mark.rule("REG-P11-10g", negative=True)
def test_one_acts_only_in_a_role_one_holds() -> None:
    session = Session("h", a_person(Role.OPERATOR), "touch-1", signed_before=False, csrf="c")
    acting = decide.actor_for(session, Role.OPERATOR)
    assert acting == Actor("person", "P-ANNA", "Anna Visser", "operator", "touch-1")
    with pytest.raises(Refusal) as refused:
        decide.actor_for(session, Role.QP)
    assert (refused.value.code, refused.value.status) == ("role-missing", 403)


def test_the_wait_grows_and_stays_bearable() -> None:
    assert [decide.wait_s(n) for n in range(11)] == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert decide.wait_s(10**9) == 60
