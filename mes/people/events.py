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
