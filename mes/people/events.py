"""What may be recorded about persons. Names of staff stand here on purpose: signatures print them."""

from dataclasses import dataclass

from mes.ids import PersonId
from mes.ledger.events import Event
from mes.people.model import CredentialKind, Role


@dataclass(frozen=True, slots=True)
class PersonEnrolled(Event):
    """A person got an account of their own."""

    tag = "person:account:enrolled"
    person: PersonId
    name: str
    user_name: str


@dataclass(frozen=True, slots=True)
class RoleGranted(Event):
    """A person may act in a role from now on; `approver` is absent only while the site has no QA yet."""

    tag = "person:role:granted"
    person: PersonId
    role: Role
    approver: PersonId | None = None


@dataclass(frozen=True, slots=True)
class RoleWithdrawn(Event):
    """A person may no longer act in a role."""

    tag = "person:role:withdrawn"
    person: PersonId
    role: Role


@dataclass(frozen=True, slots=True)
class PersonDisabled(Event):
    """A person may no longer act at all; the account and its user name stay theirs for ever."""

    tag = "person:account:disabled"
    person: PersonId


@dataclass(frozen=True, slots=True)
class CredentialChanged(Event):
    """A password or second factor was set; `temporary`: by somebody else, so it cannot sign."""

    tag = "person:credential:changed"
    person: PersonId
    credential: CredentialKind
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class CredentialRemoved(Event):
    """A second factor was taken away (lost, replaced)."""

    tag = "person:credential:removed"
    person: PersonId
    credential: CredentialKind


@dataclass(frozen=True, slots=True)
class PasskeyEnrolled(Event):
    """The owner of an account enrolled a passkey: its id (base64url) and public key (COSE, base64).

    `name` is what the owner calls it; `aaguid` tells the model of the authenticator, where it says so.
    """

    tag = "person:passkey:enrolled"
    person: PersonId
    credential: str
    cose: str
    name: str
    aaguid: str | None = None


@dataclass(frozen=True, slots=True)
class PasskeyRemoved(Event):
    """A passkey signs no more (lost, replaced, its owner left); what it signed before stands."""

    tag = "person:passkey:removed"
    person: PersonId
    credential: str


@dataclass(frozen=True, slots=True)
class LanguageChosen(Event):
    """A person chose the language (ISO 639-1) in which the meanings of their signatures are shown and recorded."""

    tag = "person:language:chosen"
    person: PersonId
    language: str


@dataclass(frozen=True, slots=True)
class SignedIn(Event):
    """A person signed in at a terminal."""

    tag = "person:session:started"
    person: PersonId
    terminal: str


@dataclass(frozen=True, slots=True)
class SignInFailed(Event):
    """Somebody failed to sign in. `person` is absent for a name nobody has; what was typed is never recorded."""

    tag = "person:session:refused"
    terminal: str
    in_a_row: int
    person: PersonId | None = None


@dataclass(frozen=True, slots=True)
class SignedOut(Event):
    """A person signed out."""

    tag = "person:session:ended"
    person: PersonId
    terminal: str


@dataclass(frozen=True, slots=True)
class IdentityProved(Event):
    """A second person checked who this is. `document` says by what, e.g. `passport, seen`, never its number.

    `bootstrap`: done by an administrator because the site had no QA who could sign. Rule: REG-P11-100b.
    """

    tag = "person:identity:proved"
    person: PersonId
    document: str
    bootstrap: bool = False


@dataclass(frozen=True, slots=True)
class AccountabilityAccepted(Event):
    """A person accepted that their electronic signature binds them as their handwritten one. Rule: REG-P11-10j."""

    tag = "person:accountability:accepted"
    person: PersonId


@dataclass(frozen=True, slots=True)
class AccessRequested(Event):
    """Somebody asked that a person may act in a role; the reason stands in the entry."""

    tag = "person:access:requested"
    person: PersonId
    role: Role
    request: str
    requester: PersonId


@dataclass(frozen=True, slots=True)
class AccessApproved(Event):
    """QA approved a request; it gives no access until an administrator executes it."""

    tag = "person:access:approved"
    person: PersonId
    role: Role
    request: str
    approver: PersonId


@dataclass(frozen=True, slots=True)
class AccessRefused(Event):
    """QA turned a request down."""

    tag = "person:access:refused"
    person: PersonId
    role: Role
    request: str


@dataclass(frozen=True, slots=True)
class ReviewedPerson:
    """What a reviewer of access decided about one person; `left` is the reviewer's own line, for a colleague."""

    person: PersonId
    roles: tuple[Role, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class AccessReviewed(Event):
    """QA went through everybody's access and confirmed or withdrew it. Rule: REG-A11D-11-1."""

    tag = "site:access:reviewed"
    people: tuple[ReviewedPerson, ...]


@dataclass(frozen=True, slots=True)
class SecurityAlerted(Event):
    """Failures in a row reached the number at which those who watch are told; `what` is sign-in or signature."""

    tag = "person:security:alerted"
    alert: str
    what: str
    terminal: str
    in_a_row: int
    person: PersonId | None = None


@dataclass(frozen=True, slots=True)
class AlertAcknowledged(Event):
    """Somebody looked at an alert; what they found stands in the entry's reason."""

    tag = "person:security:acknowledged"
    alert: str
    person: PersonId | None = None
