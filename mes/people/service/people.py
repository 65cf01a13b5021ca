"""Accounts, roles and sessions: load, decide, append."""

from collections.abc import Callable

import structlog
from sqlalchemy import Connection

from mes.errors import Refusal
from mes.ids import Op, PersonId, checked_id, stream
from mes.ledger.entry import Actor, Write
from mes.ledger.repeats import repeated
from mes.people import decide, tables
from mes.people.events import PersonDisabled, PersonEnrolled, RoleWithdrawn, SignedIn, SignedOut, SignInFailed
from mes.people.model import CredentialKind, Person, Role, Session, new_person_id
from mes.people.service.access import AccessDesk
from mes.people.service.passkeys import PasskeyDesk

log = structlog.get_logger()


class PeopleService(AccessDesk, PasskeyDesk):
    """Everything that is done about persons; the only place that commits it."""

    actor_for = staticmethod(decide.actor_for)

    def enroll(
        self, *, name: str, user_name: str, by: Actor, person_id: PersonId | None = None, op: Op | None = None
    ) -> Person:
        """Give a person an account of their own; its user name was never anybody else's and never will be."""
        ident = person_id or new_person_id()
        known = op and repeated(self._ledger, op, None, by.id, PersonEnrolled, user_name=user_name)
        if known:
            return self.person(str(known.data["person"]))
        event = decide.enroll(ident, name, user_name)

        def free(conn: Connection) -> None:
            tables.user_name_is_free(conn, self._ledger.site, user_name, ident)

        self._append(ident, event.draft(), by=by, expected_seq=0, op=op, alongside=free)
        return self.person(ident)

    def withdraw_role(
        self, person_id: PersonId, role: Role, *, by: Actor, reason: str | None = None, op: Op | None = None
    ) -> Person:
        """Take a role away; it counts from the next request on."""
        if op and self._is_done(op, by, RoleWithdrawn, person_id, role=role):
            return self.person(person_id)
        expected = self._next(person_id)
        event = decide.withdraw_role(self.person(person_id), role)
        self._append(person_id, event.draft(reason=reason), by=by, expected_seq=expected, op=op)
        return self.person(person_id)

    def disable(self, person_id: PersonId, *, by: Actor, reason: str, op: Op | None = None) -> Person:
        """End an account and, at once, every session of it. Rule: SEC-10."""
        if op and self._is_done(op, by, PersonDisabled, person_id):
            return self.person(person_id)
        expected = self._next(person_id)
        event = decide.disable(self.person(person_id), executor=by.id, reason=reason)
        self._append(person_id, event.draft(reason=reason), by=by, expected_seq=expected, op=op)
        self._sessions.end_all(person_id)
        return self.person(person_id)

    def sign_in(self, user_name: str, password: str, terminal: str) -> tuple[str, Session]:
        """Open a session and return its token, or refuse with `sign-in-failed` (401), whatever was wrong.

        Unknown names, ended accounts and wrong passwords take the same time and get the same answer; each is
        recorded without what was typed. Refuses with `too-many-attempts` (429) while a wait runs.
        """
        checked_id(terminal)
        typed = user_name.strip().lower()
        person, stored = self._with_password(typed)
        in_a_row = self._attempts.begin(typed, terminal)
        right = self._hasher.is_right(stored, password)
        if person is None or not right or not person.active:
            self._record_failed_sign_in(person, terminal, in_a_row)
            raise Refusal("sign-in-failed", status=401)
        self._attempts.succeeded(typed, terminal)
        self._record_sign_in(person, terminal, stored, password)
        token = self._sessions.start(person.id, terminal)
        found = self.session(token)
        if found is None:
            raise Refusal("sign-in-failed", status=401)
        return token, found

    def session(self, token: str, terminal: str | None = None, *, is_activity: bool = True) -> Session | None:
        """Return the session of a token while it lasts, its person is active and the terminal is the same.

        A request that a page makes by itself (live values) passes `is_activity=False`, or nobody would ever be idle.
        """
        found = self._sessions.find(token, is_activity=is_activity)
        if found is None or (terminal is not None and terminal != found.terminal):
            return None
        with self._ledger.read() as conn:
            person = tables.find_person(conn, self._ledger.site, found.person)
        if person is None or not person.active:
            self._sessions.end_all(found.person)
            return None
        return Session(found.token_hash, person, found.terminal, found.signed_before, found.csrf)

    def sign_out(self, token: str) -> None:
        """End a session; nothing happens if it has ended already."""
        found = self.session(token)
        self._sessions.end(token)
        if found is not None:
            event = SignedOut(found.person.id, found.terminal)
            actor = decide.own_actor(found.person, found.terminal)
            self._unless_held(lambda: self._append(found.person.id, event.draft(), by=actor), event.tag, found.person)

    def renew(self, session: Session) -> str:
        """End every session of the session's person and return the token of a fresh one at the same terminal.

        For whoever just proved themselves anew: whatever somebody else holds is dead. Rule: SEC-08.
        """
        return self._sessions.renew(session.token_hash, session.person.id)

    def signed_before(self, session: Session) -> bool:
        """Tell whether a full signature was given in this session; refuses with `session-ended` (401)."""
        found = self._sessions.signed_before(session.token_hash)
        if found is None:
            raise Refusal("session-ended", status=401)
        return found

    def mark_signed(self, session: Session) -> None:
        """Remember that the person showed all components in this session."""
        self._sessions.mark_signed(session.token_hash)

    def _with_password(self, typed: str) -> tuple[Person | None, bytes | None]:
        if not decide.USER_NAME_PATTERN.fullmatch(typed):
            return None, None
        with self._ledger.read() as conn:
            person = tables.find_by_user_name(conn, self._ledger.site, typed)
            if person is None:
                return None, None
            return person, tables.secret_of(conn, self._ledger.site, person.id, CredentialKind.PASSWORD)

    def _record_failed_sign_in(self, person: Person | None, terminal: str, in_a_row: int) -> None:
        event = SignInFailed(terminal, in_a_row, person.id if person else None)
        where = stream("person", person.id) if person else stream("site", self._ledger.site)
        alert = self.alert("sign-in", terminal, in_a_row, event.person)
        write = Write(where, (event.draft(), *alert))
        self._unless_held(lambda: self._write(write, by=Actor.system("sign-in")), event.tag, person)

    def _record_sign_in(self, person: Person, terminal: str, stored: bytes | None, password: str) -> None:
        # A hash made with cheaper parameters is replaced while the password is at hand.
        better = self._hasher.hash(password) if stored and self._hasher.is_outdated(stored) else None

        def improve(conn: Connection) -> None:
            if better is not None:
                tables.store_secret(conn, self._ledger.site, person.id, CredentialKind.PASSWORD, better)

        event, actor = SignedIn(person.id, terminal), decide.own_actor(person, terminal)
        self._unless_held(
            lambda: self._append(person.id, event.draft(), by=actor, alongside=improve), event.tag, person
        )

    def _unless_held(self, record: Callable[[], None], tag: str, person: Person | None) -> None:
        """Record what happens at the door; while the record is held people come in to read, and the log says so."""
        try:
            record()
        except Refusal as held:
            if held.code != "stream-held-by-breach":
                raise
            log.warning("not-recorded-while-held", what=tag, person=person.id if person else None)
