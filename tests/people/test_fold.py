"""What a person's entries amount to, event by event."""

import pytest

from mes.ids import PersonId
from mes.ledger.events import Event, decode_event
from mes.people.events import (
    CredentialChanged,
    CredentialRemoved,
    PersonDisabled,
    PersonEnrolled,
    RoleGranted,
    RoleWithdrawn,
    SignedIn,
    SignedOut,
    SignInFailed,
)
from mes.people.fold import fold_all
from mes.people.model import CredentialKind, Person, Role

ANNA = PersonId("P-ANNA")
BEGIN = PersonEnrolled(ANNA, "Anna Visser", "avisser")
BARE = Person(ANNA, "Anna Visser", "avisser")
PASSWORD, TOTP = CredentialKind.PASSWORD, CredentialKind.TOTP
ALL: list[Event] = [
    BEGIN,
    RoleGranted(ANNA, Role.QP, PersonId("P-QA")),
    RoleGranted(ANNA, Role.QA),
    RoleWithdrawn(ANNA, Role.QP),
    CredentialChanged(ANNA, PASSWORD, temporary=True),
    CredentialRemoved(ANNA, TOTP),
    PersonDisabled(ANNA),
    SignedIn(ANNA, "touch-1"),
    SignInFailed("touch-1", 3, ANNA),
    SignInFailed("touch-1", 1),
    SignedOut(ANNA, "touch-1"),
]


@pytest.mark.parametrize(
    ("events", "roles", "active", "credentials", "temporary"),
    [
        ([], set(), True, set(), False),
        ([RoleGranted(ANNA, Role.QP), RoleGranted(ANNA, Role.QA)], {Role.QP, Role.QA}, True, set(), False),
        ([RoleGranted(ANNA, Role.QP), RoleWithdrawn(ANNA, Role.QP)], set(), True, set(), False),
        ([PersonDisabled(ANNA)], set(), False, set(), False),
        ([CredentialChanged(ANNA, PASSWORD, temporary=True)], set(), True, {PASSWORD}, True),
        ([CredentialChanged(ANNA, PASSWORD, True), CredentialChanged(ANNA, PASSWORD)], set(), True, {PASSWORD}, False),
        ([CredentialChanged(ANNA, PASSWORD, True), CredentialChanged(ANNA, TOTP)], set(), True, {PASSWORD, TOTP}, True),
        ([CredentialChanged(ANNA, TOTP), CredentialRemoved(ANNA, TOTP)], set(), True, set(), False),
        ([SignedIn(ANNA, "t"), SignedOut(ANNA, "t"), SignInFailed("t", 1, ANNA), None], set(), True, set(), False),
    ],
)
def test_a_stream_amounts_to(
    events: list[Event | None], roles: set[Role], active: bool, credentials: set[CredentialKind], temporary: bool
) -> None:
    expected = Person(ANNA, "Anna Visser", "avisser", frozenset(roles), active, frozenset(credentials), temporary)
    assert fold_all([BEGIN, *events]) == expected


def test_without_an_enrolment_there_is_nobody() -> None:
    assert fold_all([RoleGranted(ANNA, Role.QP)]) is None


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.tag)
def test_every_event_comes_back_from_its_entry(event: Event) -> None:
    draft = event.draft()
    assert decode_event(draft.type, draft.tv, draft.data) == event


def test_a_failed_sign_in_has_no_place_for_typed_text() -> None:
    assert set(SignInFailed("touch-1", 1).draft().data) == {"terminal", "in_a_row"}
