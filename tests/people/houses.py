"""A whole small site for tests: real ledger, real sessions file, real services, and people who know their secrets."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from mes.clock import HeldClock
from mes.ids import PersonId, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Entry
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.people.model import Person, Role, Session
from mes.people.passwords import Hasher
from mes.people.second_factor import SecretBox, code
from mes.people.service import PeopleService
from mes.people.sessions import Sessions
from mes.people.tables import CREDENTIALS, METADATA, PERSON_CREDENTIAL, project
from mes.signatures.service import SigningService
from tests.people.builders import CHEAP, CONSOLE, NOW, PASSWORD, Wall

ADMIN = Actor("person", "P-ADMIN", "Ada Admin", "administrator", CONSOLE)
TOUCH = "touch-1"


@dataclass
class House:
    """The services of one site and the clocks that drive them."""

    ledger: Ledger
    clock: HeldClock
    wall: Wall
    sessions: Sessions
    hasher: Hasher
    box: SecretBox
    people: PeopleService
    signing: SigningService
    folder: Path
    secrets: dict[str, bytes] = field(default_factory=dict)

    def employ(self, user_name: str, *roles: Role, password: str = PASSWORD, totp: bool = False) -> Person:
        """Enrol a person with a password of their own, roles, and on demand a second factor."""
        name = f"{user_name.title()} Peeters"
        person = self.people.enroll(name=name, user_name=user_name, by=ADMIN)
        own = Actor("person", person.id, name, "account_holder", CONSOLE)
        person = self.people.set_password(person.id, password, by=own)
        for role in roles:
            person = self.people.grant_role(person.id, role, by=ADMIN)
        if totp:
            self.secrets[user_name] = base64.b32decode(self.people.start_totp(person.id).secret)
            person = self.people.enroll_totp(person.id, self.code(user_name), password=password, by=own)
            self.wall.now += 60
        return person

    def code(self, user_name: str) -> str:
        """Return the code that the person's authenticator shows now."""
        return code(self.secrets[user_name], self.wall.now)

    def signed_in(self, user_name: str, terminal: str = TOUCH, password: str = PASSWORD) -> Session:
        """Sign in and return the session."""
        return self.people.sign_in(user_name, password, terminal)[1]

    def types_of(self, kind: str, ident: str) -> list[str]:
        """Return the event types of a stream in order."""
        return [entry.type for entry in self.ledger.stream(stream(kind, ident))]

    def last(self) -> Entry:
        """Return the newest entry."""
        return self.ledger.entry(self.ledger.size - 1)

    def every_byte(self) -> bytes:
        """Return everything that ever got into the ledger's entries, one after the other."""
        return b"\n".join(entry.body for entry in self.ledger.entries())

    def stored_secrets(self, person: PersonId) -> dict[str, bytes]:
        """Return the rows of person_credential of one person."""
        query = select(PERSON_CREDENTIAL).where(PERSON_CREDENTIAL.c.person == person)
        with self.ledger.read() as conn:
            return {row.kind: bytes(row.secret) for row in conn.execute(query)}

    def later(self, **by: float) -> None:
        """Let record time and wall time pass together."""
        self.clock.advance(timedelta(**by))
        self.wall.now += timedelta(**by).total_seconds()


@contextmanager
def open_house(folder: Path, url: str, **more: Any) -> Iterator[House]:
    """Make a site and close everything it opened."""
    engine = open_engine(url)
    METADATA.create_all(engine)
    CREDENTIALS.create_all(engine)
    clock, wall = HeldClock(NOW), Wall()
    ledger = Ledger.create(
        engine,
        site="site-a",
        tz="Europe/Brussels",
        key=SiteKey.create(folder / "keys" / "site.key", "septima/site-a/1"),
        now=NOW,
        clock="simulated",
        software="septima test",
        projectors=(project,),
    )
    sessions = Sessions(folder / "sessions.sqlite", wall=wall)
    hasher = more.get("hasher") or Hasher(CHEAP)
    box = SecretBox.create(folder / "keys" / "credentials.key")
    people = PeopleService(ledger, clock, sessions, hasher, box, monotonic=wall)
    try:
        yield House(ledger, clock, wall, sessions, hasher, box, people, SigningService(ledger, people), folder)
    finally:
        sessions.close()
        ledger.close()
        engine.dispose()
