"""The signing ceremony: prove who signs, bind what was shown, and hand back the signature for its entry.

It appends nothing but a refused attempt; the room whose act is signed appends the entry with the signature in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ids import stream as stream_name
from mes.ledger.drafting import offset_text
from mes.ledger.entry import Write
from mes.ledger.events import time_text
from mes.ledger.store import Ledger
from mes.people.decide import own_actor
from mes.people.model import Person, Session
from mes.people.passkeys import Cause
from mes.people.service import PeopleService, Proved
from mes.signatures import decide
from mes.signatures.authority import check_authority
from mes.signatures.events import SignatureRefused
from mes.signatures.meanings import Meaning, texts
from mes.signatures.model import Credentials, ShownDocument, Signature, SignaturePrompt
from mes.signatures.prompts import Prompts, Taken

_REFUSALS = {Proved.PASSWORD_WRONG: "signature-secret-wrong", Proved.TOTP_WRONG: "second-factor-wrong"}
Places = Sequence[tuple[Stream, int]]


@dataclass(frozen=True, slots=True)
class SigningPolicy:
    """What a site's people sign with (`decide.WAYS`), and the language of meanings for who chose none."""

    way: str = "either"
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a signature is about: the entry to be made, and in whose words its meaning is told."""

    site: str
    gen: int
    stream: Stream
    type: str
    data: Mapping[str, Any]
    reason: str | None
    shown: ShownDocument
    meaning: Meaning
    text: str
    person: Person

    def statement(self, after: Places) -> str:
        """Return the digest (hex) to be signed by somebody who knew the stream up to `after`."""
        return decide.statement(
            site=self.site, gen=self.gen, stream=self.stream, type=self.type, after=after, shown=self.shown.digest,
            meaning=self.meaning, text=self.text, person=self.person, data=self.data, reason=self.reason,
        )  # fmt: skip


class SigningService:
    """Makes signatures of people in their sessions."""

    def __init__(self, ledger: Ledger, people: PeopleService, policy: SigningPolicy | None = None) -> None:
        self._ledger = ledger
        self._people = people
        self._policy = policy or SigningPolicy()
        self.guards: list[Callable[[], None]] = []
        """What may refuse every signature of the site for a while: a full disk, a clock that cannot be trusted."""
        self._prompts = Prompts(people.wall)

    def sign(
        self,
        session: Session,
        credentials: Credentials | None,
        *,
        meaning: Meaning,
        stream: Stream,
        type: str,  # noqa: A002  the record's own word
        data: Mapping[str, Any],
        reason: str | None,
        after: Places,
        shown: ShownDocument,
        now: datetime,
    ) -> Signature:
        """Return the signature of the session's person on the entry that `stream`, `type`, `data`, `reason` make.

        Refuses as `decide.offered` and `decide.check_complete` do, and with `session-ended` (401),
        `signature-wrong-person` (403), `too-many-attempts` (429), `signature-secret-wrong`, `second-factor-wrong` and
        `passkey-wrong` (401); a wrong person, secret or assertion is recorded, without what was typed.
        Rule: REG-A11-14, REG-P11-200a1.
        """
        for guard in self.guards:
            guard()
        signed_before = self._people.signed_before(session)
        person = self._people.person(session.person.id)
        self._people.may_sign(person, meaning.value)
        check_authority(person, meaning)
        text = texts(person.language or self._policy.language)[meaning]
        ledger = self._ledger
        subject = Subject(ledger.site, ledger.gen, stream, type, data, reason, shown, meaning, text, person)
        asked = self._prompt(subject, after, signed_before=signed_before)
        known = self._known(credentials, after, shown)
        try:
            claimed = None if known is None else subject.statement(known)
            given, factors = decide.check_complete(credentials, asked, signed_before=signed_before, statement=claimed)
        except SignaturePrompt as prompt:
            self._prompts.ask(session.token_hash, str(prompt.statement))
            raise
        places = after if known is None else known
        statement = subject.statement(places)
        self._prove(session, subject, given, factors, statement, asked, now)
        self._people.mark_signed(session)
        document = {
            "meaning": meaning.value,
            "text": text,
            "person": {"id": person.id, "name": person.name},
            "at": time_text(now),
            "tz": ledger.tz,
            "utc_offset": offset_text(now.astimezone(ZoneInfo(ledger.tz))),
            "factors": list(factors),
            "after": decide.after_document(places),
            "shown": shown.digest,
            "statement": statement,
        }
        if given.assertion is not None:
            document["assertion"] = dict(given.assertion)
        return Signature(document, shown.body)

    def _prompt(self, subject: Subject, after: Places, *, signed_before: bool) -> SignaturePrompt:
        """Return the prompt as it would be shown now."""
        person, meaning = subject.person, subject.meaning
        offer = decide.offered(person, meaning, self._policy.way, self._people.relying_party.rp_id)
        return SignaturePrompt(
            "signature-needed", status=428, shown=subject.shown, meaning=meaning, text=subject.text, offer=offer,
            factors=decide.factors_needed(meaning, signed_before=signed_before, passkey=not offer.password),
            statement=subject.statement(after), after=after[0][1] if after and after[0][1] >= 0 else None,
        )  # fmt: skip

    def _known(self, given: Credentials | None, after: Places, shown: ShownDocument) -> Places | None:
        """Return up to where the signer knew the stream: as their prompt said, else as it is now.

        None if the place is not there, or if something shown was corrected after it.
        """
        if given is None or given.after is None or not after:
            return list(after)
        (stream, last), others = after[0], after[1:]
        if not 0 <= given.after <= last:
            return None
        later = self._ledger.stream(stream, from_seq=given.after + 1) if given.after < last else []
        return None if decide.is_overtaken(shown, later) else [(stream, given.after), *others]

    def _prove(
        self, session: Session, subject: Subject, given: Credentials, factors: Sequence[str], statement: str,
        asked: SignaturePrompt, now: datetime,
    ) -> None:  # fmt: skip
        person, meaning = subject.person, subject.meaning
        if not decide.is_the_signer(given.user_name, person):
            self._record(session, person, meaning, "person_wrong", 1, now)
            raise Refusal("signature-wrong-person", status=403, person=person.name)
        if given.assertion is not None:
            self._prove_by_passkey(session, subject, given.assertion, statement, asked, now)
            return
        totp = given.totp if "totp" in factors else None
        proof = self._people.prove(person, session.terminal, password=given.password or "", totp=totp)
        if proof.outcome is not Proved.RIGHT:
            self._record(session, person, meaning, proof.outcome.value, proof.in_a_row, now)
            raise Refusal(_REFUSALS[proof.outcome], status=401)
        if person.password_temporary:
            raise Refusal("password-temporary")

    def _prove_by_passkey(
        self, session: Session, subject: Subject, assertion: Mapping[str, str], statement: str,
        asked: SignaturePrompt, now: datetime,
    ) -> None:  # fmt: skip
        if self._prompts.look(session.token_hash, statement) is Taken.UNKNOWN:
            self._prompts.ask(session.token_hash, str(asked.statement))
            raise asked.anew("prompt-expired", 428)
        cause, in_a_row = self._people.prove_by_passkey(subject.person, session.terminal, statement, assertion)
        if cause is None and self._prompts.take(session.token_hash, statement) is not Taken.WAITING:
            cause = Cause.REPLAYED
        if cause is not None:
            self._record(session, subject.person, subject.meaning, cause.value, in_a_row, now)
            raise Refusal("passkey-wrong", status=401)

    def _record(
        self, session: Session, person: Person, meaning: Meaning, cause: str, in_a_row: int, now: datetime
    ) -> None:
        event = SignatureRefused(person.id, meaning, session.terminal, cause, in_a_row)
        alert = self._people.alert("signature", session.terminal, in_a_row, person.id)
        write = Write(stream_name("person", person.id), (event.draft(), *alert))
        self._ledger.append(new_op(), [write], actor=own_actor(person, session.terminal), now=now)
