"""What may be recorded about signing in through a provider: links, ways in, and failures without what was sent."""

from dataclasses import dataclass

from mes.ids import PersonId
from mes.ledger.events import Event


@dataclass(frozen=True, slots=True)
class OidcLinked(Event):
    """An administrator linked a person to their account at a provider.

    `subject` is a digest (hex) under the site's key of who they are there: it is compared and tells nothing.
    """

    tag = "person:oidc:linked"
    person: PersonId
    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class OidcUnlinked(Event):
    """A person no longer comes in through the provider."""

    tag = "person:oidc:unlinked"
    person: PersonId
    issuer: str


@dataclass(frozen=True, slots=True)
class OidcRefused(Event):
    """Somebody did not come in through the provider; `cause` is a word of a closed list, no text of a token."""

    tag = "person:oidc:refused"
    terminal: str
    cause: str
    person: PersonId | None = None


@dataclass(frozen=True, slots=True)
class SignedInBy(Event):
    """A person came in at a terminal through a provider (`by`: oidc); to sign they show Septima's own factors."""

    tag = "person:session:started"
    tv = 2
    person: PersonId
    terminal: str
    by: str
