"""What people prove themselves with: passwords and second factors, set, checked and taken away.

Hashes are made before the append, never inside the ledger's write lock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection

from mes.clock import Clock
from mes.errors import Refusal
from mes.ids import Op, PersonId, new_op, stream
from mes.ledger.entry import Actor, Draft, Entry, Write
from mes.ledger.events import Event
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.people import decide, second_factor, tables
from mes.people.attempts import Attempts
from mes.people.events import CredentialChanged, CredentialRemoved, SecurityAlerted, SignInFailed
from mes.people.first_administrator import redeem_first_code
from mes.people.model import CredentialKind, Person, new_ident
from mes.people.passkeys import LOCALHOST, RelyingParty
from mes.people.passwords import Hasher
from mes.people.second_factor import SecretBox, TotpSetup
from mes.people.sessions import Sessions


class Proved(StrEnum):
    """What came out when somebody was asked to prove who they are."""

    RIGHT = "right"
    PASSWORD_WRONG = "password_wrong"  # noqa: S105  a word, not a secret
    TOTP_WRONG = "totp_wrong"


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome, and how many attempts in a row, this one included, this name has made at this terminal."""

    outcome: Proved
    in_a_row: int


class CredentialDesk:
    """Sets and checks credentials. `PeopleService` adds accounts, roles and sessions to it."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        sessions: Sessions,
        hasher: Hasher,
        box: SecretBox,
        *,
        relying_party: RelyingParty = LOCALHOST,
        password_days: int = 0,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._sessions = sessions
        self._hasher = hasher
        self._box = box
        self._attempts = Attempts(sessions, box.key_for("attempts"))
        self._password_days = password_days
        self._pending: dict[PersonId, bytes] = {}
        self._pending_lock = Lock()
        self.relying_party = relying_party

    def person(self, person_id: str) -> Person:
        """Return a person as they stand now, or refuse with `person-unknown` (404)."""
        with self._ledger.read() as conn:
            found = tables.find_person(conn, self._ledger.site, person_id)
        if found is None:
            raise Refusal("person-unknown", status=404, person=person_id[:64])
        return found

    def first_administrator(
        self, keys_dir: Path, code: str, *, name: str, user_name: str, password: str, terminal: str
    ) -> PersonId:
        """Enrol the first administrator of the site by the one-time code from its console."""
        return redeem_first_code(
            self._ledger, self._clock, self._hasher, keys_dir, code,
            name=name, user_name=user_name, password=password, terminal=terminal, wall=self._sessions.wall,
        )  # fmt: skip

    def set_password(
        self, person_id: PersonId, password: str, *, by: Actor, current: str | None = None, op: Op | None = None
    ) -> Person:
        """Set a password. Somebody else's is temporary and ends the person's sessions; one's own needs `current`.

        Refuses by the policy, and with `current-password-wrong` (401).
        """
        person = self.person(person_id)
        if op and self._is_done(op, by, CredentialChanged, person_id, credential=CredentialKind.PASSWORD):
            return person
        event = decide.set_password(person, password, by=by.id)
        if not event.temporary and CredentialKind.PASSWORD in person.credentials:
            self._reprove(person, by, current or "")
        stored = self._hasher.hash(password)
        self._store(person_id, CredentialKind.PASSWORD, stored, event, by, op=op)
        if event.temporary:
            self._sessions.end_all(person_id)
        return self.person(person_id)

    def start_totp(self, person_id: PersonId) -> TotpSetup:
        """Make a second-factor secret for its owner to enter in an authenticator; it counts once enrolled."""
        person = self.person(person_id)
        decide.enroll_totp(person, by=person_id)
        secret = second_factor.new_secret()
        with self._pending_lock:
            self._pending[person_id] = secret
        return second_factor.setup(secret, person.user_name, f"Septima-{self._ledger.site}")

    def enroll_totp(self, person_id: PersonId, code: str, *, password: str, by: Actor, op: Op | None = None) -> Person:
        """Enrol the secret that `start_totp` made, proven by the password and a first code."""
        person = self.person(person_id)
        if op and self._is_done(op, by, CredentialChanged, person_id, credential=CredentialKind.TOTP):
            return person
        event = decide.enroll_totp(person, by=by.id)
        with self._pending_lock:
            secret = self._pending.get(person_id)
        if secret is None:
            raise Refusal("second-factor-not-started")
        self._reprove(person, by, password)
        if not self._code_is_right(person_id, secret, code):
            raise Refusal("second-factor-wrong", status=401)
        sealed = self._box.seal(secret, self._owner(person_id))
        self._store(person_id, CredentialKind.TOTP, sealed, event, by, op=op)
        with self._pending_lock:
            self._pending.pop(person_id, None)
        return self.person(person_id)

    def remove_totp(self, person_id: PersonId, *, by: Actor, reason: str, op: Op | None = None) -> Person:
        """Take a lost second factor away, so that its owner can enrol another."""
        if op and self._is_done(op, by, CredentialRemoved, person_id, credential=CredentialKind.TOTP):
            return self.person(person_id)
        event = decide.remove_totp(self.person(person_id), by=by.id)
        self._store(person_id, CredentialKind.TOTP, None, event, by, reason=reason, op=op)
        return self.person(person_id)

    def alert(self, what: str, terminal: str, in_a_row: int, person: PersonId | None) -> tuple[Draft, ...]:
        """Return the alert that so many failures in a row raise, to be appended with the failure itself; often none.

        Rule: REG-P11-300a-e.
        """
        if not decide.alerts(in_a_row):
            return ()
        return (SecurityAlerted(new_ident("A"), what, terminal, in_a_row, person).draft(),)

    def _reprove(self, person: Person, by: Actor, password: str) -> None:
        """Ask the owner of an account for the present password; a wrong one is recorded like a failed sign-in."""
        terminal = by.terminal or "console"
        proof = self.prove(person, terminal, password=password)
        if proof.outcome is not Proved.RIGHT:
            refused = SignInFailed(terminal, proof.in_a_row, person.id).draft()
            alert = self.alert("password", terminal, proof.in_a_row, person.id)
            self._write(Write(stream("person", person.id), (refused, *alert)), by=by)
            raise Refusal("current-password-wrong", status=401)

    def prove(self, person: Person, terminal: str, *, password: str, totp: str | None = None) -> Proof:
        """Check a password, and a one-time code where one is given; the code is used up only by a right password.

        Refuses with `too-many-attempts` (429) while a wait runs. Records nothing: the caller knows what failed.
        """
        in_a_row = self._attempts.begin(person.user_name, terminal)
        with self._ledger.read() as conn:
            kept = tables.secrets_of(conn, self._ledger.site, person.id)
        stored, sealed = kept.get(CredentialKind.PASSWORD), kept.get(CredentialKind.TOTP)
        if not self._hasher.is_right(stored, password):
            return Proof(Proved.PASSWORD_WRONG, in_a_row)
        if totp is not None:
            if sealed is None:
                return Proof(Proved.TOTP_WRONG, in_a_row)
            if not self._code_is_right(person.id, self._box.open(sealed, self._owner(person.id)), totp):
                return Proof(Proved.TOTP_WRONG, in_a_row)
        self._attempts.succeeded(person.user_name, terminal)
        return Proof(Proved.RIGHT, in_a_row)

    def _store(
        self,
        person_id: PersonId,
        kind: CredentialKind,
        stored: bytes | None,
        event: Event,
        by: Actor,
        reason: str | None = None,
        op: Op | None = None,
    ) -> None:
        def put(conn: Connection) -> None:
            tables.store_secret(conn, self._ledger.site, person_id, kind, stored)

        self._append(person_id, event.draft(reason=reason), by=by, alongside=put, op=op)

    def _is_done(self, op: Op, by: Actor, act: type[Event], person_id: str, **said: object) -> Entry | None:
        """Return what this act on a person left when it was done before; refuses `operation-other`."""
        return repeated(self._ledger, op, stream("person", person_id), by.id, act, **said)

    def _code_is_right(self, person_id: PersonId, secret: bytes, typed: str) -> bool:
        step = second_factor.matching_step(secret, typed, self._sessions.wall())
        return step is not None and self._sessions.use_code(person_id, step)

    def _owner(self, person_id: PersonId) -> str:
        return f"{self._ledger.site}/{person_id}/totp"

    def _next(self, person_id: PersonId) -> int:
        return self._ledger.next_seq(stream("person", person_id))

    def _append(
        self,
        person_id: PersonId,
        draft: Draft,
        *,
        by: Actor,
        expected_seq: int | None = None,
        op: Op | None = None,
        alongside: Callable[[Connection], None] | None = None,
    ) -> None:
        write = Write(stream("person", person_id), (draft,), expected_seq)
        self._write(write, by=by, op=op, alongside=alongside)

    def _write(
        self,
        write: Write,
        *,
        by: Actor,
        op: Op | None = None,
        alongside: Callable[[Connection], None] | None = None,
    ) -> None:
        self._ledger.append(op or new_op(), [write], actor=by, now=self._clock.now(), alongside=alongside)
