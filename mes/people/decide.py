"""The rules about persons, roles, passwords and repeated failures. Pure: state and command in, event or Refusal out."""

import re
import unicodedata

from mes.errors import Refusal
from mes.ids import PersonId
from mes.ledger.entry import Actor
from mes.people.events import (
    CredentialChanged,
    CredentialRemoved,
    PersonDisabled,
    PersonEnrolled,
    RoleGranted,
    RoleWithdrawn,
)
from mes.people.model import ACCOUNT_HOLDER, HARD_CONFLICTS, CredentialKind, Person, Role, Session

USER_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")
MAX_NAME = 100
MIN_PASSWORD = 12
MAX_PASSWORD = 256
FREE_FAILURES = 2
MAX_WAIT_S = 60
FORGOTTEN_AFTER_S = 15 * 60


def enroll(person: PersonId, name: str, user_name: str) -> PersonEnrolled:
    """Decide on a new account; `user_name` is lower case, `name` is printed under signatures.

    Refuses with `user-name-malformed` or `name-malformed`. That the user name was never used before is checked
    under the write lock (`user-name-taken`).
    """
    if not USER_NAME_PATTERN.fullmatch(user_name):
        raise Refusal("user-name-malformed", status=422)
    printed = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(printed) <= MAX_NAME or not all(letter.isprintable() for letter in printed):
        raise Refusal("name-malformed", status=422)
    return PersonEnrolled(person, printed, user_name)


def grant_role(person: Person, role: Role, *, executor: str, approver: Person | None, site_has_qa: bool) -> RoleGranted:
    """Decide on a new role. Rule: REG-DI-06, REG-A11-12.

    Who approves is QA, and neither the one who executes the grant nor the one who gets it. Only while the site
    has no active QA may the approver be missing. Conflicts within one batch are judged when signing.
    """
    active(person)
    if role in person.roles:
        raise Refusal("role-held", person=person.id, role=role.value)
    clash = sorted(HARD_CONFLICTS.get(role, frozenset()) & person.roles)
    if clash:
        raise Refusal("role-conflict", person=person.id, role=role.value, held=clash[0].value)
    if executor == person.id:
        raise Refusal("own-role", role=role.value)
    if approver is None:
        if site_has_qa:
            raise Refusal("approver-needed", role=role.value)
        return RoleGranted(person.id, role)
    if not approver.active or Role.QA not in approver.roles:
        raise Refusal("approver-not-qa", status=403, approver=approver.id)
    if approver.id in (executor, person.id):
        raise Refusal("approver-involved", approver=approver.id)
    return RoleGranted(person.id, role, approver.id)


def withdraw_role(person: Person, role: Role) -> RoleWithdrawn:
    """Decide to take a role away; taking away needs no approver, so that it is never late."""
    if role not in person.roles:
        raise Refusal("role-not-held", person=person.id, role=role.value)
    return RoleWithdrawn(person.id, role)


def disable(person: Person, *, executor: str, reason: str) -> PersonDisabled:
    """Decide to end an account. Refuses with `person-disabled`, `own-account` or `reason-needed`."""
    active(person)
    if executor == person.id:
        raise Refusal("own-account")
    if not reason.strip():
        raise Refusal("reason-needed", status=422)
    return PersonDisabled(person.id)


def set_password(person: Person, password: str, *, by: str) -> CredentialChanged:
    """Decide on a new password; one that somebody else set is temporary. Rule: REG-P11-200a2."""
    active(person)
    check_password(password, person.user_name)
    return CredentialChanged(person.id, CredentialKind.PASSWORD, temporary=by != person.id)


def enroll_totp(person: Person, *, by: str) -> CredentialChanged:
    """Decide on a second factor: only its owner enrols it, and only with a password of their own."""
    active(person)
    if by != person.id:
        raise Refusal("not-yours", status=403)
    if person.password_temporary:
        raise Refusal("password-temporary")
    if CredentialKind.TOTP in person.credentials:
        raise Refusal("second-factor-enrolled")
    return CredentialChanged(person.id, CredentialKind.TOTP)


def remove_totp(person: Person, *, by: str) -> CredentialRemoved:
    """Decide to take a lost second factor away; somebody else than its owner does it."""
    if by == person.id:
        raise Refusal("own-second-factor")
    if CredentialKind.TOTP not in person.credentials:
        raise Refusal("second-factor-not-enrolled", person=person.id)
    return CredentialRemoved(person.id, CredentialKind.TOTP)


def check_password(password: str, user_name: str) -> None:
    """Refuse a password that is short (below 12), long (above 256) or holds the user name, in any case.

    Any character is allowed; passwords are compared in Unicode NFC and never cut. The text never gets into facts.
    """
    plain = normal(password)
    if len(plain) < MIN_PASSWORD:
        raise Refusal("password-short", status=422, least=MIN_PASSWORD)
    if len(plain) > MAX_PASSWORD:
        raise Refusal("password-long", status=422, most=MAX_PASSWORD)
    if user_name.casefold() in plain.casefold():
        raise Refusal("password-has-user-name", status=422)


def normal(password: str) -> str:
    """Return the form in which a password is hashed: NFC, so that two keyboards type the same one."""
    return unicodedata.normalize("NFC", password)


def active(person: Person) -> None:
    """Refuse with `person-disabled` for an account that has ended."""
    if not person.active:
        raise Refusal("person-disabled", status=403, person=person.id)


def actor_for(session: Session, role: Role) -> Actor:
    """Return the session's person as actor in one of their roles, or refuse with `role-missing` (403).

    Rule: REG-P11-10g.
    """
    if role not in session.person.roles:
        raise Refusal("role-missing", status=403, role=role.value)
    return Actor("person", session.person.id, session.person.name, role.value, session.terminal)


def own_actor(person: Person, terminal: str) -> Actor:
    """Return a person as actor about their own account, which takes no role of the plant."""
    return Actor("person", person.id, person.name, ACCOUNT_HOLDER, terminal)


def wait_s(failures: int) -> int:
    """Return the seconds to wait after `failures` in a row: 0, 0, then 1, 2, 4 … up to 60.

    A slow-down, never a lock: a guesser gets one attempt a minute, and a colleague is never stopped for good.
    """
    return 0 if failures <= FREE_FAILURES else min(MAX_WAIT_S, 2 ** min(failures - FREE_FAILURES - 1, 10))
