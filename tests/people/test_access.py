"""Rights: identity, accountability, three people for an access, reviews and alerts; each refusal by its code."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.ids import PersonId
from mes.people import decide
from mes.people.events import IdentityProved, ReviewedPerson, RoleGranted
from mes.people.guessed_first import common_passwords
from mes.people.model import AccessRequest, Asked, Person, Role, SecurityAlert, Standing
from tests.people.builders import NOW, a_person
from tests.people.houses import TOUCH, code_of

ANNA = PersonId("P-ANNA")
OPEN = AccessRequest("R-1", ANNA, Role.OPERATOR, PersonId("P-ASKER"))
ALERT = SecurityAlert("A-1", "sign-in", TOUCH, 5, ANNA, NOW)
FULL = frozenset({Standing.IDENTITY, Standing.ACCOUNTABLE})


@pytest.mark.rule("REG-P11-10j")
@pytest.mark.rule("REG-P11-100b")
@pytest.mark.rule("REG-P11-10j", negative=True)
@pytest.mark.rule("REG-P11-100b", negative=True)
@pytest.mark.parametrize(
    ("standing", "roles", "meaning", "started", "code"),
    [
        (FULL, {Role.OPERATOR}, "PERFORMED", True, None),
        ({Standing.BOOTSTRAP, Standing.ACCOUNTABLE}, {Role.QA}, "QA_REVIEWED", True, None),
        ((), {Role.OPERATOR}, "PERFORMED", True, "accountability-missing"),
        ({Standing.IDENTITY}, {Role.OPERATOR}, "PERFORMED", True, "accountability-missing"),
        ({Standing.ACCOUNTABLE}, {Role.OPERATOR}, "PERFORMED", True, "identity-not-proved"),
        ((), {Role.OPERATOR}, "ACCOUNTABILITY_ACCEPTED", True, None),
        ({Standing.ACCOUNTABLE}, {Role.ADMINISTRATOR}, "IDENTITY_PROVED", False, None),
        ({Standing.ACCOUNTABLE}, {Role.ADMINISTRATOR}, "IDENTITY_PROVED", True, "identity-not-proved"),
        ({Standing.ACCOUNTABLE}, {Role.ADMINISTRATOR}, "PERFORMED", False, "identity-not-proved"),
        ({Standing.ACCOUNTABLE}, {Role.QA}, "IDENTITY_PROVED", False, "identity-not-proved"),
        ((), {Role.ADMINISTRATOR}, "IDENTITY_PROVED", False, "accountability-missing"),
    ],
)
def test_who_may_sign(standing: set[Standing], roles: set[Role], meaning: str, started: bool, code: str | None) -> None:
    person = a_person(*roles, standing=frozenset(standing))
    assert code_of(decide.may_sign, person, meaning, site_has_signing_qa=started) == code


def test_an_account_that_ended_signs_nothing() -> None:
    person = a_person(active=False, standing=FULL)
    assert code_of(decide.may_sign, person, "PERFORMED", site_has_signing_qa=True) == "person-disabled"


@pytest.mark.rule("REG-P11-100b")
@pytest.mark.rule("REG-P11-100b", negative=True)
@pytest.mark.parametrize(
    ("person", "prover", "role", "started", "code"),
    [
        (a_person(), "P-QA", Role.QA, True, None),
        (a_person(standing=frozenset({Standing.BOOTSTRAP})), "P-QA", Role.QA, True, None),
        (a_person(Role.QA), "P-ADMIN", Role.ADMINISTRATOR, False, None),
        (a_person(Role.QA), "P-ADMIN", Role.ADMINISTRATOR, True, "identity-by-qa"),
        (a_person(Role.QP), "P-ADMIN", Role.ADMINISTRATOR, False, "identity-by-qa"),
        (a_person(), "P-SUP", Role.SUPERVISOR, True, "identity-by-qa"),
        (a_person(), "P-ANNA", Role.QA, True, "identity-own"),
        (a_person(), "P-MAKER", Role.QA, True, "identity-by-enroller"),
        (a_person(standing=FULL), "P-QA", Role.QA, True, "identity-proved"),
        (a_person(active=False), "P-QA", Role.QA, True, "person-disabled"),
    ],
)
def test_who_proves_an_identity(person: Person, prover: str, role: Role, started: bool, code: str | None) -> None:
    told = {"prover": prover, "role": role, "enroller": "P-MAKER", "site_has_signing_qa": started}
    assert code_of(decide.prove_identity, person, "passport, seen", **told) == code


@pytest.mark.parametrize("document", ["", "  ", "x" * 81, "passport EJ3412345", "1234"])
def test_a_document_is_named_without_its_number(document: str) -> None:
    told = {"prover": "P-QA", "role": Role.QA, "enroller": "P-MAKER", "site_has_signing_qa": True}
    assert code_of(decide.prove_identity, a_person(), document, **told) == "document-malformed"


def test_a_proof_at_start_up_says_so() -> None:
    told = {"role": Role.ADMINISTRATOR, "enroller": "P-ADMIN", "site_has_signing_qa": False}
    event = decide.prove_identity(a_person(Role.QA), " passport, seen ", prover="P-ADMIN", **told)
    assert event == IdentityProved(ANNA, "passport, seen", bootstrap=True)


@pytest.mark.rule("REG-P11-10j", negative=True)
@pytest.mark.parametrize(
    ("person", "by", "code"),
    [
        (a_person(), "P-ANNA", None),
        (a_person(), "P-ADMIN", "not-yours"),
        (a_person(standing=FULL), "P-ANNA", "accountability-accepted"),
        (a_person(password_temporary=True), "P-ANNA", "password-temporary"),
        (a_person(active=False), "P-ANNA", "person-disabled"),
    ],
)
def test_who_accepts_accountability(person: Person, by: str, code: str | None) -> None:
    assert code_of(decide.accept_accountability, person, by=by) == code


@pytest.mark.rule("REG-A11-12", negative=True)
@pytest.mark.parametrize(
    ("person", "role", "requester", "pending", "reason", "code"),
    [
        (a_person(), Role.OPERATOR, "P-ASKER", [], "new", None),
        (a_person(), Role.OPERATOR, "P-ASKER", [replace(OPEN, role=Role.QP)], "new", None),
        (a_person(), Role.OPERATOR, "P-ASKER", [OPEN], "new", "access-asked"),
        (a_person(), Role.OPERATOR, "P-ASKER", [], " ", "reason-needed"),
        (a_person(), Role.OPERATOR, "P-ANNA", [], "new", "access-own"),
        (a_person(Role.OPERATOR), Role.OPERATOR, "P-ASKER", [], "new", "role-held"),
        (a_person(Role.ADMINISTRATOR), Role.OPERATOR, "P-ASKER", [], "new", "role-conflict"),
        (a_person(active=False), Role.OPERATOR, "P-ASKER", [], "new", "person-disabled"),
    ],
)
def test_who_asks_for_access(
    person: Person, role: Role, requester: str, pending: list[AccessRequest], reason: str, code: str | None
) -> None:
    told = {"request": "R-2", "requester": PersonId(requester), "pending": pending, "reason": reason}
    assert code_of(decide.request_access, person, role, **told) == code


@pytest.mark.rule("REG-A11-12", negative=True)
@pytest.mark.parametrize(
    ("request_", "person", "by", "code"),
    [
        (OPEN, a_person(), "P-QA", None),
        (replace(OPEN, state=Asked.APPROVED), a_person(), "P-QA", "access-settled"),
        (replace(OPEN, state=Asked.EXECUTED), a_person(), "P-QA", "access-settled"),
        (OPEN, a_person(), "P-ASKER", "access-same-person"),
        (OPEN, a_person(), "P-ANNA", "access-own"),
        (OPEN, a_person(Role.ADMINISTRATOR), "P-QA", "role-conflict"),
        (OPEN, a_person(active=False), "P-QA", "person-disabled"),
    ],
)
def test_who_approves_access(request_: AccessRequest, person: Person, by: str, code: str | None) -> None:
    assert code_of(decide.approve_access, request_, person, approver=PersonId(by)) == code
    refused = None if code == "role-conflict" else code
    assert code_of(decide.refuse_access, request_, person, by=PersonId(by), reason="no need") == refused


def test_a_refusal_of_access_gives_its_reason() -> None:
    assert code_of(decide.refuse_access, OPEN, a_person(), by=PersonId("P-QA"), reason=" ") == "reason-needed"


@pytest.mark.rule("REG-A11-12")
@given(st.permutations(["P-ANNA", "P-1", "P-2", "P-3"]), st.lists(st.sampled_from(range(4)), min_size=3, max_size=3))
def test_access_takes_three_people_and_none_is_the_one_concerned(names: list[str], chosen: list[int]) -> None:
    """Whoever asks, approves and executes: it goes through if they are three, and none of them gets the role."""
    asker, approver, executor = (PersonId(names[one]) for one in chosen)
    person = a_person()
    fine = len({asker, approver, executor}) == 3 and ANNA not in (asker, approver, executor)

    def whole() -> RoleGranted:
        asked = decide.request_access(person, Role.OPERATOR, request="R-1", requester=asker, pending=[], reason="x")
        request = AccessRequest("R-1", ANNA, asked.role, asked.requester)
        approved = decide.approve_access(request, person, approver=approver)
        settled = replace(request, state=Asked.APPROVED, approver=approved.approver)
        return decide.grant_role(
            person, Role.OPERATOR, executor=executor, request=settled, site_has_signing_qa=True
        )  # fmt: skip

    assert (code_of(whole) is None) == fine


@pytest.mark.rule("REG-A11D-11-1", negative=True)
def test_a_review_leaves_nobody_out() -> None:
    quinn = a_person(Role.QA, id=PersonId("P-QA"), name="Quinn")
    anna, bart = a_person(Role.OPERATOR), a_person(Role.QP, id=PersonId("P-BART"), name="Bart")
    gone, bare = a_person(Role.QP, id=PersonId("P-GONE"), active=False), a_person(id=PersonId("P-BARE"))
    people = [quinn, anna, bart, gone, bare]
    with pytest.raises(Refusal) as refused:
        decide.review_access(people, {"P-ANNA": "confirmed"}, reviewer=quinn.id)
    assert (refused.value.code, refused.value.facts) == ("review-incomplete", {"count": 1, "first": "Bart"})
    verdicts = {"P-ANNA": "confirmed", "P-BART": "withdrawn", "P-QA": "confirmed"}
    told = decide.review_access(people, verdicts, reviewer=quinn.id).people
    assert told == (
        ReviewedPerson(quinn.id, (Role.QA,), "left"),
        ReviewedPerson(ANNA, (Role.OPERATOR,), "confirmed"),
        ReviewedPerson(bart.id, (Role.QP,), "withdrawn"),
    )


@pytest.mark.rule("REG-P11-300a-e", negative=True)
@pytest.mark.parametrize(
    ("alert", "by", "reason", "code"),
    [
        (ALERT, "P-SEC", "forgotten password", None),
        (ALERT, "P-ANNA", "it was me", "alert-own"),
        (replace(ALERT, acknowledged_by=PersonId("P-SEC")), "P-SEC", "again", "alert-acknowledged"),
        (ALERT, "P-SEC", "", "reason-needed"),
    ],
)
def test_who_answers_an_alert(alert: SecurityAlert, by: str, reason: str, code: str | None) -> None:
    assert code_of(decide.acknowledge, alert, by=PersonId(by), reason=reason) == code


@pytest.mark.rule("REG-A11D-11-1")
@pytest.mark.rule("REG-A11D-11-1", negative=True)
@pytest.mark.parametrize(
    ("user_name", "generic"),
    [
        ("operator1", True), ("admin", True), ("user", True), ("test", True), ("qa-night.2", True),
        ("test.user", True), ("qcreviewer", True), ("nurse_7", True), ("cleanroom3", True), ("007", True),
        ("avisser", False), ("anna.qa", False), ("operato", False), ("quinn", False), ("j.nurse-smith", False),
        ("testa", False), ("olivia", False),
    ],
)  # fmt: skip
def test_accounts_are_named_after_people(user_name: str, generic: bool) -> None:
    code = code_of(decide.enroll, ANNA, "Anna Visser", user_name)
    assert code == ("user-name-generic" if generic else None)


@pytest.mark.rule("SEC-14")
def test_a_list_of_common_passwords_ships_with_the_product() -> None:
    assert len(common_passwords()) > 3000
    assert {"password", "123456", "qwerty"} <= common_passwords()
    assert not decide.is_common("a short sentence of one's own")


def test_no_password_expires_unless_the_site_says_so() -> None:
    long_ago = NOW - timedelta(days=4000)
    assert not decide.is_expired(long_ago, NOW, 0)
    assert not decide.is_expired(None, NOW, 90)
    assert decide.is_expired(NOW - timedelta(days=91), NOW, 90)
    assert not decide.is_expired(NOW - timedelta(days=90), NOW, 90)
