"""What a person's entries amount to. Pure; the projection in tables.py must give the same."""

from collections.abc import Iterable
from dataclasses import replace

from mes.ledger.events import Event
from mes.people.events import (
    AccountabilityAccepted,
    CredentialChanged,
    CredentialRemoved,
    IdentityProved,
    LanguageChosen,
    PasskeyEnrolled,
    PasskeyRemoved,
    PersonDisabled,
    PersonEnrolled,
    RoleGranted,
    RoleWithdrawn,
)
from mes.people.model import CredentialKind, Person, Standing


def fold_person(person: Person | None, event: Event | None) -> Person | None:
    """Return the person after one more event of their stream; events of other kinds change nothing."""
    if isinstance(event, PersonEnrolled):
        return Person(event.person, event.name, event.user_name)
    if person is None:
        return None
    match event:
        case RoleGranted():
            return replace(person, roles=person.roles | {event.role})
        case RoleWithdrawn():
            return replace(person, roles=person.roles - {event.role})
        case PersonDisabled():
            return replace(person, active=False)
        case CredentialChanged():
            return _credential_changed(person, event)
        case PasskeyEnrolled():
            return replace(person, passkeys=person.passkeys | {event.credential})
        case PasskeyRemoved():
            return replace(person, passkeys=person.passkeys - {event.credential})
        case LanguageChosen():
            return replace(person, language=event.language)
        case IdentityProved():
            return _identity_proved(person, event)
        case AccountabilityAccepted():
            return replace(person, standing=person.standing | {Standing.ACCOUNTABLE})
        case CredentialRemoved():
            return replace(person, credentials=person.credentials - {event.credential})
        case _:
            return person


def fold_all(events: Iterable[Event | None]) -> Person | None:
    """Return the person that a whole stream tells of."""
    person: Person | None = None
    for event in events:
        person = fold_person(person, event)
    return person


def _credential_changed(person: Person, event: CredentialChanged) -> Person:
    held = replace(person, credentials=person.credentials | {event.credential})
    if event.credential is CredentialKind.PASSWORD:
        return replace(held, password_temporary=event.temporary)
    return held


def _identity_proved(person: Person, event: IdentityProved) -> Person:
    """A proof by QA takes the place of one given at start-up, never the other way round."""
    if event.bootstrap:
        return replace(person, standing=person.standing | {Standing.BOOTSTRAP})
    return replace(person, standing=person.standing - {Standing.BOOTSTRAP} | {Standing.IDENTITY})
