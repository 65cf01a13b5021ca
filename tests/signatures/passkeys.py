"""Enrolling and signing by a passkey in a house, as the screens do."""

from typing import Any

from mes.ledger.entry import Actor
from mes.people.model import Person, Session
from mes.signatures import Credentials, Meaning, Signature, SignaturePrompt
from tests.people.builders import CONSOLE, PASSWORD
from tests.people.houses import House
from tests.signatures.authenticator import Authenticator
from tests.signatures.test_service import refused, sign


def own(person: Person) -> Actor:
    """Return a person as actor about their own account."""
    return Actor("person", person.id, person.name, "account_holder", CONSOLE)


def enrol(house: House, session: Session, device: Authenticator, name: str = "key on a ring", **wrong: Any) -> Person:
    """Enrol the device's passkey for the session's person."""
    options = house.people.begin_passkey(session, PASSWORD)
    made = device.create(options, **wrong)
    return house.people.enrol_passkey(session, made, name, by=own(session.person))


def asked(house: House, session: Session, meaning: Meaning = Meaning.PERFORMED, **more: Any) -> SignaturePrompt:
    """Return what the signer is asked."""
    prompt = refused(house, session, None, meaning=meaning, **more)
    assert isinstance(prompt, SignaturePrompt)
    return prompt


def answer(prompt: SignaturePrompt, device: Authenticator, user_name: str | None = "anna", **wrong: Any) -> Credentials:
    """Let the device sign the statement of a prompt."""
    assert prompt.statement is not None
    return Credentials(
        user_name, shown=prompt.shown.digest, statement=prompt.statement, after=prompt.after,
        assertion=device.get(prompt.statement, **wrong),
    )  # fmt: skip


def sign_by(
    house: House, session: Session, device: Authenticator, meaning: Meaning = Meaning.PERFORMED, **more: Any
) -> Signature:
    """Be asked and sign by passkey."""
    return sign(house, session, answer(asked(house, session, meaning, **more), device), meaning, **more)
