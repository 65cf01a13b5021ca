"""Passkeys of a person: enrolled and taken away by their owner, and asked to prove a signature."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from mes.errors import Refusal
from mes.ids import Op, PersonId
from mes.ledger.entry import Actor
from mes.people import decide, passkey_tables
from mes.people.events import LanguageChosen, PasskeyEnrolled, PasskeyRemoved
from mes.people.model import Person, Role, Session
from mes.people.passkeys import Cause, Passkey, checked_enrolment, creation_options, judge_assertion
from mes.people.service.credentials import CredentialDesk

CHALLENGE_S = 5 * 60
MOST_PASSKEYS = 10
MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class _Challenge:
    token_hash: str
    challenge: bytes
    until: float


class PasskeyDesk(CredentialDesk):
    """Enrols, lists, removes and checks passkeys, and keeps a person's language of signing."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._challenges: dict[PersonId, _Challenge] = {}

    @property
    def wall(self) -> Callable[[], float]:
        """Return the wall clock of sessions, on which prompts and challenges run out."""
        return self._sessions.wall

    def begin_passkey(self, session: Session, password: str) -> dict[str, Any]:
        """Prove the owner anew by password and return what `navigator.credentials.create` takes; good for 5 minutes.

        Refuses `current-password-wrong` (401), `too-many-attempts`, `password-temporary`, `passkeys-many`.
        """
        person = self.person(session.person.id)
        decide.active(person)
        if person.password_temporary:
            raise Refusal("password-temporary")
        if len(person.passkeys) >= MOST_PASSKEYS:
            raise Refusal("passkeys-many", most=MOST_PASSKEYS)
        self._reprove(person, decide.own_actor(person, session.terminal), password)
        held = {one.credential: one for one in self.passkeys(person.id)}
        made = _Challenge(session.token_hash, secrets.token_bytes(32), self._sessions.wall() + CHALLENGE_S)
        with self._pending_lock:
            self._challenges[person.id] = made
        return creation_options(self.relying_party, person, self._handle(person.id), made.challenge, held)

    def enrol_passkey(
        self, session: Session, answer: Mapping[str, Any], name: str, *, by: Actor, op: Op | None = None
    ) -> Person:
        """Enrol what the authenticator made for the challenge of this session.

        Refuses `not-yours` (403), `passkey-not-started`, `passkey-name` (422), `passkey-known` and what
        `passkeys.checked_enrolment` refuses. Rule: REG-A11D-13-1.
        """
        person = self.person(session.person.id)
        decide.active(person)
        if by.id != person.id:
            raise Refusal("not-yours", status=403)
        called = decide.normal(name).strip()
        if not 0 < len(called) <= MAX_NAME or not called.isprintable():
            raise Refusal("passkey-name", status=422, most=MAX_NAME)
        with self._pending_lock:
            asked = self._challenges.pop(person.id, None)
        if asked is None or asked.token_hash != session.token_hash or asked.until < self._sessions.wall():
            raise Refusal("passkey-not-started")
        made = checked_enrolment(self.relying_party, asked.challenge, answer)
        event = PasskeyEnrolled(person.id, made.credential, made.cose, called, made.aaguid)

        def free(conn: Connection) -> None:
            if passkey_tables.find_passkey(conn, self._ledger.site, made.credential) is not None:
                raise Refusal("passkey-known")

        with self._ledger.read() as conn:
            free(conn)
        self._append(person.id, event.draft(), by=by, expected_seq=self._next(person.id), op=op)
        return self.person(person.id)

    def remove_passkey(
        self, person_id: PersonId, credential: str, *, by: Actor, reason: str, op: Op | None = None
    ) -> Person:
        """Take a passkey away: its owner, or an administrator or security officer when it is lost or stolen.

        What it signed stands. Refuses `not-yours` (403), `reason-needed` (422), `passkey-unknown` (404).
        """
        person = self.person(person_id)
        if by.id != person.id and by.role not in (Role.ADMINISTRATOR.value, Role.SECURITY_OFFICER.value):
            raise Refusal("not-yours", status=403)
        if not reason.strip():
            raise Refusal("reason-needed", status=422)
        if credential not in person.passkeys:
            raise Refusal("passkey-unknown", status=404)
        event = PasskeyRemoved(person.id, credential)
        expected = self._next(person.id)
        self._append(person.id, event.draft(reason=reason), by=by, expected_seq=expected, op=op)
        return self.person(person.id)

    def passkeys(self, person_id: PersonId) -> list[Passkey]:
        """Return the passkeys of a person that sign, by name."""
        with self._ledger.read() as conn:
            known = passkey_tables.passkeys_of(conn, self._ledger.site, person_id)
        return [one for one in known if one.active]

    def prove_by_passkey(
        self, person: Person, terminal: str, statement: str, assertion: Mapping[str, str]
    ) -> tuple[Cause | None, int]:
        """Check an assertion over `statement` (hex); tell why it does not sign (None: it does) and the tries in a row.

        Refuses with `too-many-attempts` (429) while a wait runs. Records nothing: the caller knows what failed.
        """
        in_a_row = self._attempts.begin(person.user_name, terminal)
        cause = self._judge(person, statement, assertion)
        if cause is None:
            self._attempts.succeeded(person.user_name, terminal)
        return cause, in_a_row

    def choose_language(self, person_id: PersonId, language: str, *, by: Actor, op: Op | None = None) -> Person:
        """Choose the language of the meanings that a person signs; refuses `not-yours` (403)."""
        if by.id != person_id:
            raise Refusal("not-yours", status=403)
        self._append(person_id, LanguageChosen(person_id, language).draft(), by=by, op=op)
        return self.person(person_id)

    def _judge(self, person: Person, statement: str, assertion: Mapping[str, str]) -> Cause | None:
        with self._ledger.read() as conn:
            passkey = passkey_tables.find_passkey(conn, self._ledger.site, str(assertion.get("credential", ""))[:1400])
        if passkey is None or not passkey.active:
            return Cause.UNKNOWN
        if passkey.person != person.id:
            return Cause.OTHER
        return judge_assertion(self.relying_party, passkey, statement, assertion)[0]

    def _handle(self, person_id: PersonId) -> bytes:
        """Return the user handle: stable for a person of this site, and telling nothing about either."""
        return hmac.new(self._ledger.site.encode(), person_id.encode(), sha256).digest()
