"""The rules about rights: who may sign, how a role is asked for, approved and given, and how access is reviewed."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from mes.errors import Refusal
from mes.ids import PersonId
from mes.people.decide.accounts import active
from mes.people.events import (
    AccessApproved,
    AccessRefused,
    AccessRequested,
    AccessReviewed,
    AccountabilityAccepted,
    AlertAcknowledged,
    IdentityProved,
    ReviewedPerson,
    RoleGranted,
)
from mes.people.model import HARD_CONFLICTS, AccessRequest, Asked, Person, Role, SecurityAlert, Standing

REVIEW_EVERY = timedelta(days=92)
"""How long a review of access lasts, our own default: a quarter."""
FIRST_MEANING = "ACCOUNTABILITY_ACCEPTED"
BOOTSTRAP_MEANING = "IDENTITY_PROVED"
CONFIRMED, WITHDRAWN, LEFT = "confirmed", "withdrawn", "left"
MAX_DOCUMENT = 80


def may_sign(person: Person, meaning: str, *, site_has_signing_qa: bool) -> None:
    """Refuse a signature of somebody whose identity nobody proved or who accepted no accountability.

    Refuses `accountability-missing` and `identity-not-proved`. Accepting accountability itself needs neither; while
    no QA of the site can sign, an administrator who accepted it may prove the identity of the first QA.
    Rule: REG-P11-10j, REG-P11-100b.
    """
    active(person)
    if meaning == FIRST_MEANING:
        return
    if not person.accountable:
        raise Refusal("accountability-missing", person=person.name)
    starting = meaning == BOOTSTRAP_MEANING and not site_has_signing_qa and Role.ADMINISTRATOR in person.roles
    if not person.identity_proved and not starting:
        raise Refusal("identity-not-proved", person=person.name)


def prove_identity(
    person: Person, document: str, *, prover: str, role: Role, enroller: str, site_has_signing_qa: bool
) -> IdentityProved:
    """Decide that a second person proved who somebody is; `document` names the kind of proof, never a number.

    QA does it, and is neither the person nor who made the account. While no QA of the site can sign, an
    administrator does it for QA alone, and the entry says so; QA proves such a person once more later on.
    Refuses `identity-proved`, `identity-own`, `identity-by-enroller`, `identity-by-qa` (403), `document-malformed`.
    Rule: REG-P11-100b.
    """
    active(person)
    if Standing.IDENTITY in person.standing:
        raise Refusal("identity-proved", person=person.name)
    if prover == person.id:
        raise Refusal("identity-own")
    told = document.strip()
    if not 0 < len(told) <= MAX_DOCUMENT or sum(letter.isdigit() for letter in told) > MAX_DIGITS:
        raise Refusal("document-malformed", status=422)
    if role is Role.QA:
        if prover == enroller:
            raise Refusal("identity-by-enroller", person=person.name)
        return IdentityProved(person.id, told)
    if role is not Role.ADMINISTRATOR or site_has_signing_qa or Role.QA not in person.roles:
        raise Refusal("identity-by-qa", status=403)
    return IdentityProved(person.id, told, bootstrap=True)


MAX_DIGITS = 3
"""More digits than that are the number of a document, which nobody may keep in the record."""


def accept_accountability(person: Person, *, by: str) -> AccountabilityAccepted:
    """Decide that a person accepts accountability: themselves, once, with a password of their own choice.

    Refuses `not-yours` (403), `accountability-accepted` and `password-temporary`. Rule: REG-P11-10j.
    """
    active(person)
    if by != person.id:
        raise Refusal("not-yours", status=403)
    if person.accountable:
        raise Refusal("accountability-accepted")
    if person.password_temporary:
        raise Refusal("password-temporary")
    return AccountabilityAccepted(person.id)


def request_access(
    person: Person, role: Role, *, request: str, requester: PersonId, pending: Sequence[AccessRequest], reason: str
) -> AccessRequested:
    """Decide on asking that a person may act in a role.

    Refuses `reason-needed`, `access-own` (403), `role-held`, `role-conflict` and `access-asked`. Rule: REG-A11-12.
    """
    active(person)
    if not reason.strip():
        raise Refusal("reason-needed", status=422)
    if requester == person.id:
        raise Refusal("access-own", status=403)
    fits(person, role)
    if any((one.person, one.role) == (person.id, role) for one in pending):
        raise Refusal("access-asked", person=person.name, role=role.value)
    return AccessRequested(person.id, role, request, requester)


def approve_access(request: AccessRequest, person: Person, *, approver: PersonId) -> AccessApproved:
    """Decide that QA approves a request. Rule: REG-A11-12.

    Refuses `access-settled`, `access-own` (403) and `access-same-person`, and as `request_access` what the person
    can no longer hold.
    """
    _settles(request, person, approver)
    fits(person, request.role)
    return AccessApproved(request.person, request.role, request.id, approver)


def refuse_access(request: AccessRequest, person: Person, *, by: PersonId, reason: str) -> AccessRefused:
    """Decide that QA turns a request down, with a reason; refuses as `approve_access`."""
    _settles(request, person, by)
    if not reason.strip():
        raise Refusal("reason-needed", status=422)
    return AccessRefused(request.person, request.role, request.id)


def grant_role(
    person: Person, role: Role, *, executor: str, request: AccessRequest | None, site_has_signing_qa: bool
) -> RoleGranted:
    """Decide on a new role. Rule: REG-DI-06, REG-A11-12.

    It takes a request that somebody made, somebody else in QA approved and a third person executes, none of them
    the one who gets the role. Only while no QA of the site can sign does an administrator grant by themselves.
    Refuses `approval-needed`, `access-same-person`, `own-role`, `role-held`, `role-conflict`.
    """
    active(person)
    fits(person, role)
    if executor == person.id:
        raise Refusal("own-role", role=role.value)
    if request is None or request.state is not Asked.APPROVED or request.approver is None:
        if site_has_signing_qa:
            raise Refusal("approval-needed", role=role.value)
        return RoleGranted(person.id, role)
    if (request.person, request.role) != (person.id, role):
        raise Refusal("approval-needed", role=role.value)
    if executor in (request.requester, request.approver):
        raise Refusal("access-same-person")
    return RoleGranted(person.id, role, request.approver)


def fits(person: Person, role: Role) -> None:
    """Refuse with `role-held` or `role-conflict` a role that a person has or can never have. Rule: REG-DI-06."""
    if role in person.roles:
        raise Refusal("role-held", person=person.id, role=role.value)
    clash = sorted(HARD_CONFLICTS.get(role, frozenset()) & person.roles)
    if clash:
        raise Refusal("role-conflict", person=person.id, role=role.value, held=clash[0].value)


def review_access(people: Sequence[Person], verdicts: Mapping[str, str], *, reviewer: PersonId) -> AccessReviewed:
    """Decide on a review of everybody's access: each active person with a role is confirmed or withdrawn.

    The reviewer's own line is left to a colleague. Refuses `review-incomplete` (422) with those without a verdict.
    Rule: REG-A11D-11-1.
    """
    reviewed = [one for one in people if one.active and one.roles]
    judged = {one.id for one in reviewed if verdicts.get(one.id) in (CONFIRMED, WITHDRAWN)} | {reviewer}
    missing = [one.name for one in reviewed if one.id not in judged]
    if missing:
        raise Refusal("review-incomplete", status=422, count=len(missing), first=missing[0])
    lines = (
        ReviewedPerson(one.id, tuple(sorted(one.roles)), LEFT if one.id == reviewer else verdicts[one.id])
        for one in reviewed
    )
    return AccessReviewed(tuple(lines))


def review_due(last: datetime) -> datetime:
    """Return until when the next review of access is due, 92 days after the last one or after the site began."""
    return last + REVIEW_EVERY


def acknowledge(alert: SecurityAlert, *, by: PersonId, reason: str) -> AlertAcknowledged:
    """Decide that somebody looked at an alert and says what they found; nobody does so about their own failures.

    Refuses `alert-acknowledged`, `alert-own` (403) and `reason-needed`. Rule: REG-P11-300a-e.
    """
    if alert.acknowledged_by is not None:
        raise Refusal("alert-acknowledged", alert=alert.id)
    if alert.person == by:
        raise Refusal("alert-own", status=403)
    if not reason.strip():
        raise Refusal("reason-needed", status=422)
    return AlertAcknowledged(alert.id, alert.person)


def _settles(request: AccessRequest, person: Person, by: PersonId) -> None:
    active(person)
    if request.state is not Asked.OPEN:
        raise Refusal("access-settled", request=request.id, state=request.state.value)
    if by == person.id:
        raise Refusal("access-own", status=403)
    if by == request.requester:
        raise Refusal("access-same-person")
