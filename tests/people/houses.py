"""A whole small site for tests: real ledger, real sessions file, real services, and people who know their secrets."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from mes.clock import HeldClock
from mes.errors import Refusal
from mes.ids import PersonId, Stream, new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Entry, Write
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.people.decide import is_generic
from mes.people.model import Person, Role, Session
from mes.people.passwords import Hasher
from mes.people.ports import Line
from mes.people.second_factor import SecretBox, code
from mes.people.service import PeopleService
from mes.people.sessions import Sessions
from mes.people.tables import CREDENTIALS, METADATA, PERSON_CREDENTIAL, project
from mes.people.training.events import TrainingRecorded
from mes.people.training.model import Subject, TrainingResult
from mes.signatures.service import SigningService
from tests.people.builders import CHEAP, CONSOLE, NOW, PASSWORD, Wall

ADMIN = Actor("person", "P-ADMIN", "Ada Admin", "administrator", CONSOLE)
ASKER = Actor("person", "P-ASKER", "Sam Asker", "supervisor", CONSOLE)
APPROVER = Actor("person", "P-APPROVER", "Quinn Approver", "qa", CONSOLE)
"""Three people who are nobody in the register: they do for a test what its subject is not about."""
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

    def employ(
        self, user_name: str, *roles: Role, password: str = PASSWORD, totp: bool = False, signs: bool = True
    ) -> Person:
        """Enrol a person with a password of their own, roles, the right to sign, and on demand a second factor.

        A short name of a function (`qa-1`) is the test's word for a person; the login adds a family name to it.
        """
        name = f"{user_name.title()} Peeters"
        person = self.people.enroll(name=name, user_name=login(user_name), by=ADMIN)
        own = Actor("person", person.id, name, "account_holder", CONSOLE)
        person = self.people.set_password(person.id, password, by=own)
        for role in roles:
            person = self.give(person.id, role)
        if signs:
            person = self.entitle(person.id)
        if totp:
            self.secrets[user_name] = base64.b32decode(self.people.start_totp(person.id).secret)
            person = self.people.enroll_totp(person.id, self.code(user_name), password=password, by=own)
            self.wall.now += 60
        return person

    def give(self, person: PersonId, role: Role) -> Person:
        """Let a person act in a role: asked for, approved and executed by three others, or directly at start-up."""
        if self.people.has_signing_qa():
            request = self.people.request_access(person, role, by=ASKER, reason="new in the team", op=new_op())
            self.people.approve_access(request, by=APPROVER, sign=scribble, op=new_op())
        return self.people.grant_role(person, role, by=ADMIN)

    def entitle(self, person: PersonId) -> Person:
        """Give a person the right to sign: identity proved by a second one, accountability accepted."""
        found = self.people.prove_identity(person, "passport, seen", by=APPROVER, sign=scribble, op=new_op())
        own = Actor("person", person, found.name, "account_holder", CONSOLE)
        return self.people.accept_accountability(person, by=own, sign=scribble, op=new_op())

    def train(self, persons: Iterable[Person], subject: Subject, until: datetime | None = None) -> None:
        """Record that people passed their training on a subject, by default for a year, signed with a mark."""
        end = until or self.clock.now() + timedelta(days=365)
        for person in persons:
            passed = TrainingRecorded(
                person.id, subject.kind, subject.id, subject.version, PersonId(APPROVER.id), TrainingResult.PASSED, end
            )  # fmt: skip
            write = Write(stream("person", person.id), (passed.draft(),))
            self.ledger.append(new_op(), [write], actor=APPROVER, now=self.clock.now())

    def code(self, user_name: str) -> str:
        """Return the code that the person's authenticator shows now."""
        return code(self.secrets[user_name], self.wall.now)

    def signed_in(self, user_name: str, terminal: str = TOUCH, password: str = PASSWORD) -> Session:
        """Sign in and return the session."""
        return self.people.sign_in(login(user_name), password, terminal)[1]

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


def login(user_name: str) -> str:
    """Return the user name of a person whom a test calls so; nobody gets an account under a function's name."""
    return f"{user_name}.peeters" if is_generic(user_name) else user_name


def scribble(
    draft: Draft, *, where: Stream, after: Sequence[tuple[Stream, int]], lines: Sequence[Line]
) -> tuple[Draft, tuple[bytes, ...]]:
    """Put a mark where a signature goes: cheap, and enough where the ceremony is not the subject of the test."""
    return replace(draft, signature={"meaning": "mark of a test"}), ()


def code_of(act: object, *given_: object, **named: object) -> str | None:
    """Return the code with which an act is refused, None if it is not."""
    try:
        act(*given_, **named)
    except Refusal as refused:
        return refused.code
    return None


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
    people = PeopleService(ledger, clock, sessions, hasher, box)
    try:
        yield House(ledger, clock, wall, sessions, hasher, box, people, SigningService(ledger, people), folder)
    finally:
        sessions.close()
        ledger.close()
        engine.dispose()
