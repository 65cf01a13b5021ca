"""Who may do what: roles, persons and sessions as the rest of the house sees them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mes.ids import PersonId

READABLE = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters and digits that nobody mistakes for each other."""


def new_person_id() -> PersonId:
    """Return an id that nobody had before; it says nothing about the person."""
    return PersonId(new_ident("P"))


def new_ident(kind: str) -> str:
    """Return a fresh readable id, e.g. `R-7KQ2MWXA` for a request."""
    return f"{kind}-" + "".join(secrets.choice(READABLE) for _ in range(8))


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


class Standing(StrEnum):
    """What a person needs before the right to sign. Rule: REG-P11-10j, REG-P11-100b."""

    IDENTITY = "identity proved"
    BOOTSTRAP = "identity proved at start-up"
    ACCOUNTABLE = "accountability accepted"


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the site. The printed `name` stands in the record; `user_name` is never given to anybody else.

    `password_temporary`: somebody else set the password, so it opens the door but cannot sign.
    `passkeys`: ids (base64url) of the passkeys that sign for them. `language`: of the meanings they sign; None: the
    site's.
    """

    id: PersonId
    name: str
    user_name: str
    roles: frozenset[Role] = frozenset()
    active: bool = True
    credentials: frozenset[CredentialKind] = frozenset()
    password_temporary: bool = False
    passkeys: frozenset[str] = frozenset()
    language: str | None = None
    standing: frozenset[Standing] = frozenset()

    @property
    def identity_proved(self) -> bool:
        """Tell whether a second person checked who this is."""
        return bool(self.standing & {Standing.IDENTITY, Standing.BOOTSTRAP})

    @property
    def accountable(self) -> bool:
        """Tell whether the person accepted that their electronic signature binds them."""
        return Standing.ACCOUNTABLE in self.standing


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in person at one terminal. `signed_before`: a full signature was given in it already."""

    token_hash: str = field(repr=False)
    person: Person
    terminal: str
    signed_before: bool
    csrf: str = field(repr=False)


class Asked(StrEnum):
    """How far a request for access has come."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    EXECUTED = "executed"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Somebody asked that a person may act in a role; QA approves it and an administrator executes it."""

    id: str
    person: PersonId
    role: Role
    requester: PersonId
    state: Asked = Asked.OPEN
    approver: PersonId | None = None


@dataclass(frozen=True, slots=True)
class SecurityAlert:
    """Failures in a row that somebody has to look at; `person` is absent for a name nobody has."""

    id: str
    what: str
    terminal: str
    in_a_row: int
    person: PersonId | None
    at: datetime
    acknowledged_by: PersonId | None = None
