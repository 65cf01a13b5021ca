"""The rules about accounts: personal names, who may act as what, and the end of an account."""

import re
import unicodedata

from mes.errors import Refusal
from mes.ids import PersonId
from mes.ledger.entry import Actor
from mes.people.events import PersonDisabled, PersonEnrolled, RoleWithdrawn
from mes.people.model import ACCOUNT_HOLDER, Person, Role, Session

USER_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")
MAX_NAME = 100
NOBODYS_NAMES = frozenset(
    {
        *(role.value.replace("_", "") for role in Role),
        *("admin", "administration", "root", "superuser", "sysadmin", "system", "sys", "service", "daemon", "it"),
        *("user", "users", "guest", "anonymous", "nobody", "everybody", "somebody", "person", "staff", "team", "temp"),
        *("test", "tester", "testuser", "demo", "trial", "training", "trainee", "example", "default", "sample"),
        *("op", "ops", "vf", "quality", "qualityassurance", "qualitycontrol", "production", "manufacturing", "gmp"),
        *("doctor", "nurse", "physician", "pharmacy", "ward", "clinic", "hospital", "lab", "laboratory", "analyst"),
        *("reviewer", "author", "manager", "lead", "shift", "night", "day", "cleanroom", "room", "terminal", "kiosk"),
        *("touch", "touchscreen", "scanner", "station", "workstation", "pc", "computer", "septima", "mes", "site"),
        *("shared", "common", "generic", "group", "all", "account", "login", "account", "support", "helpdesk"),
        *("inspector", "security", "officer", "supplier", "vendor", "contractor", "visitor", "student", "intern"),
    }
)
"""Names of functions, places and nobody: an account under one of them gets shared. Rule: REG-A11D-11-1."""


def enroll(person: PersonId, name: str, user_name: str) -> PersonEnrolled:
    """Decide on a new account; `user_name` is lower case, `name` is printed under signatures.

    Refuses with `user-name-malformed`, `user-name-generic` or `name-malformed`. That the user name was never used
    before is checked under the write lock (`user-name-taken`). Rule: REG-A11D-11-1, REG-P11-100a.
    """
    if not USER_NAME_PATTERN.fullmatch(user_name):
        raise Refusal("user-name-malformed", status=422)
    if is_generic(user_name):
        raise Refusal("user-name-generic", status=422, user_name=user_name)
    printed = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(printed) <= MAX_NAME or not all(letter.isprintable() for letter in printed):
        raise Refusal("name-malformed", status=422)
    return PersonEnrolled(person, printed, user_name)


def is_generic(user_name: str) -> bool:
    """Tell whether a user name is made of words for functions, places or nobody, and of numbers, alone.

    `operator1`, `qa-night`, `test.user` are; `operato` and `quinn.qa` are not. Rule: REG-A11D-11-1.
    """
    words = [word for word in re.split(r"[._-]+|\d+", user_name) if word]
    letters = "".join(words)
    return letters in NOBODYS_NAMES or all(word in NOBODYS_NAMES for word in words)


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
