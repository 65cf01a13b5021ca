"""Signing in through the provider: asked, answered, recorded; and the links that administrators make."""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

import structlog
from sqlalchemy import Connection

from mes.clock import Clock
from mes.errors import Refusal
from mes.ids import Op, PersonId, checked_id, new_op, stream
from mes.ledger.entry import Actor, Write
from mes.ledger.events import Event
from mes.ledger.repeats import repeated
from mes.ledger.store import Alongside, Ledger
from mes.people import decide
from mes.people.model import Person, Session
from mes.people.oidc import tables
from mes.people.oidc.events import OidcLinked, OidcRefused, OidcUnlinked, SignedInBy
from mes.people.oidc.flows import Flows
from mes.people.oidc.model import Cause, SignInRefused, checked_subject
from mes.people.oidc.provider import Provider
from mes.people.service import PeopleService
from mes.people.sessions import Sessions

WAY = "oidc"
MAX_PARAMETER = 4096

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes to sign in, and the secret by which it is known when it comes back."""

    url: str = field(repr=False)
    browser: str = field(repr=False)


class OidcDesk:
    """Lets linked people in, and keeps the links. Without a provider everything refuses `oidc-off` (404)."""

    def __init__(
        self, ledger: Ledger, clock: Clock, sessions: Sessions, people: PeopleService, provider: Provider | None,
        key: bytes,
    ) -> None:  # fmt: skip
        """`key` digests what the provider calls people: 32 bytes that stand in no database."""
        self._ledger, self._clock, self._sessions, self._people = ledger, clock, sessions, people
        self._provider = provider
        self._key = key
        self._flows = Flows(sessions.wall)

    @property
    def is_on(self) -> bool:
        """Tell whether this site has a provider."""
        return self._provider is not None

    @property
    def provider(self) -> Provider:
        """Return the provider; refuses `oidc-off` (404)."""
        if self._provider is None:
            raise Refusal("oidc-off", status=404)
        return self._provider

    def begin(self, terminal: str) -> Begun:
        """Ask a question for this terminal's browser; refuses `oidc-off` (404) and `oidc-unreachable` (503)."""
        provider = self.provider
        state, browser, flow = self._flows.ask(checked_id(terminal))
        try:
            return Begun(provider.authorization_url(state, flow), browser)
        except SignInRefused as refused:
            raise Refusal("oidc-unreachable", status=503) from refused

    def finish(self, *, state: str, code: str, browser: str) -> tuple[str, Session]:
        """Open a session for who the provider says came in; no `code` means that it declined.

        Refuses `oidc-refused` (401) whatever was wrong; the cause is recorded where this site asked the question.
        The session has signed nothing: its first signature takes Septima's own user name and secret.
        """
        provider, terminal, known = self.provider, "", self._flows.knows(state[:MAX_PARAMETER])
        person: Person | None = None
        try:
            flow = self._flows.take(state[:MAX_PARAMETER], browser[:MAX_PARAMETER])
            terminal = flow.terminal
            if not code or len(code) > MAX_PARAMETER:
                raise SignInRefused(Cause.DECLINED)
            person = self._linked(provider.client.issuer, provider.who(code, flow))
            if not person.active:
                raise SignInRefused(Cause.INACTIVE)
        except SignInRefused as refused:
            log.warning("oidc-refused", cause=refused.cause.value)
            if known:
                self._record_refusal(
                    OidcRefused(terminal or "unknown", refused.cause.value, person.id if person else None)
                )
            raise
        event = SignedInBy(person.id, terminal, WAY)
        self._record(event, person.id, decide.own_actor(person, terminal))
        token = self._sessions.start(person.id, terminal)
        session = self._people.session(token)
        if session is None:
            raise SignInRefused(Cause.INACTIVE)
        return token, session

    def link(self, person_id: str, subject: str, *, by: Actor, reason: str | None, op: Op) -> Person:
        """Link a person to their account at the provider.

        Refuses `oidc-off`, `person-unknown` (404), `person-inactive`, `oidc-subject-wrong` (422), `oidc-linked`,
        `oidc-subject-taken`. Nobody links themselves: `access-own`.
        """
        issuer, person = self.provider.client.issuer, self._people.person(person_id)
        event = OidcLinked(person.id, issuer, self.digest(issuer, checked_subject(subject)))
        where = stream("person", person.id)
        if repeated(self._ledger, op, where, by.id, OidcLinked, issuer=issuer, subject=event.subject):
            return person
        decide.active(person)
        if by.id == person.id:
            raise Refusal("access-own")

        def free(conn: Connection) -> None:
            tables.subject_is_free(conn, self._ledger.site, issuer, event.subject, person.id)

        with self._ledger.read() as conn:
            if tables.is_linked(conn, self._ledger.site, issuer, person.id):
                raise Refusal("oidc-linked", person=person.name)
        self._append(event, person.id, by, reason, op, free)
        return person

    def unlink(self, person_id: str, *, by: Actor, reason: str | None, op: Op) -> Person:
        """End a link and every session of the person; refuses `oidc-off`, `person-unknown` (404), `oidc-not-linked`."""
        issuer, person = self.provider.client.issuer, self._people.person(person_id)
        if repeated(self._ledger, op, stream("person", person.id), by.id, OidcUnlinked, issuer=issuer):
            return person
        if not (reason or "").strip():
            raise Refusal("reason-missing", status=422)
        with self._ledger.read() as conn:
            if not tables.is_linked(conn, self._ledger.site, issuer, person.id):
                raise Refusal("oidc-not-linked", person=person.name)
        self._append(OidcUnlinked(person.id, issuer), person.id, by, reason, op)
        self._sessions.end_all(person.id)
        return person

    def linked(self) -> frozenset[str]:
        """Return who comes in through the provider; nobody where there is none."""
        if self._provider is None:
            return frozenset()
        with self._ledger.read() as conn:
            return tables.linked(conn, self._ledger.site, self._provider.client.issuer)

    def digest(self, issuer: str, subject: str) -> str:
        """Return what the record holds of who somebody is at the provider: HMAC-SHA-256 (hex)."""
        return hmac.new(self._key, f"{len(issuer)}:{issuer}{subject}".encode(), sha256).hexdigest()

    def _linked(self, issuer: str, subject: str) -> Person:
        with self._ledger.read() as conn:
            found = tables.linked_person(conn, self._ledger.site, issuer, self.digest(issuer, subject))
        if found is None:
            raise SignInRefused(Cause.UNLINKED)
        return self._people.person(found)

    def _append(
        self, event: Event, person: PersonId, by: Actor, reason: str | None, op: Op, alongside: Alongside | None = None
    ) -> None:
        where = stream("person", person)
        write = Write(where, (event.draft(reason=reason),), self._ledger.next_seq(where))
        self._ledger.append(op, [write], actor=by, now=self._clock.now(), alongside=alongside)

    def _record_refusal(self, event: OidcRefused) -> None:
        self._record(event, event.person, Actor.system("sign-in"))

    def _record(self, event: Event, person: PersonId | None, by: Actor) -> None:
        """Record what happens at the door; while the record is held people come in to read, and the log says so."""
        where = stream("person", person) if person else self._ledger.site_stream
        try:
            self._ledger.append(new_op(), [Write(where, (event.draft(),))], actor=by, now=self._clock.now())
        except Refusal as held:
            if held.code != "stream-held-by-breach":
                raise
            log.warning("not-recorded-while-held", what=event.tag, person=person)
