"""What may be recorded about signing beside the signature itself, which stands in the entry it signs."""

from dataclasses import dataclass

from mes.ids import PersonId
from mes.ledger.events import Event
from mes.signatures.meanings import Meaning


@dataclass(frozen=True, slots=True)
class SignatureRefused(Event):
    """Somebody failed to sign in a person's session; what was typed is never recorded.

    `cause` is password_wrong, totp_wrong, person_wrong, or one of `mes.people.passkeys.Cause`.
    """

    tag = "signature:refused"
    person: PersonId
    meaning: Meaning
    terminal: str
    cause: str
    in_a_row: int
