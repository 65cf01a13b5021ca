"""Who may do what: roles, persons and sessions as the rest of the house sees them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mes.ids import PersonId

READABLE = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters and digits that nobody mistakes for each other."""


def new_person_id() -> PersonId:
    """Return an id that nobody had before; it says nothing about the person."""
    return PersonId("P-" + "".join(secrets.choice(READABLE) for _ in range(8)))


class Role(StrEnum):
    """What a person may act as; one act is done in one role. Source: regulation catalogue, section C."""

    OPERATOR = "operator"
    VERIFIER = "verifier"
    SUPERVISOR = "supervisor"
    QC_ANALYST = "qc_analyst"
    QC_REVIEWER = "qc_reviewer"
    QA = "qa"
    QP = "qp"
    PHARMACIST = "pharmacist"
    CLINICIAN = "clinician"
    COLLECTION_NURSE = "collection_nurse"
    COURIER = "courier"
    MASTER_AUTHOR = "master_author"
    ADMINISTRATOR = "administrator"
    SECURITY_OFFICER = "security_officer"
    AUDITOR = "auditor"
    CONTROL_SITE = "control_site"


_GMP_INTEREST = frozenset({Role.OPERATOR, Role.VERIFIER, Role.QC_ANALYST, Role.QC_REVIEWER, Role.QA, Role.QP})
HARD_CONFLICTS: Mapping[Role, frozenset[Role]] = {
    Role.ADMINISTRATOR: _GMP_INTEREST,
    **{role: frozenset({Role.ADMINISTRATOR}) for role in _GMP_INTEREST},
}
"""Roles that one person never holds together (REG-DI-06). Conflicts within one batch are judged when signing."""


ACCOUNT_HOLDER = "account_holder"
"""The role in the record of whoever deals with their own account: signs in and out, sets a password, fails to sign."""


class CredentialKind(StrEnum):
    """What a person proves to be themselves with."""

    PASSWORD = "password"  # noqa: S105  the printed word, not a secret
    TOTP = "totp"


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the site. The printed `name` stands in the record; `user_name` is never given to anybody else.

    `password_temporary`: somebody else set the password, so it opens the door but cannot sign.
    """

    id: PersonId
    name: str
    user_name: str
    roles: frozenset[Role] = frozenset()
    active: bool = True
    credentials: frozenset[CredentialKind] = frozenset()
    password_temporary: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in person at one terminal. `signed_before`: a full signature was given in it already."""

    token_hash: str = field(repr=False)
    person: Person
    terminal: str
    signed_before: bool
    csrf: str = field(repr=False)
