"""The signing ceremony: prove who signs, bind what was shown, and hand back the signature for its entry.

It appends nothing but a refused attempt; the room whose act is signed appends the entry with the signature in it.
"""

from collections.abc import Mapping, Sequence
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
from mes.people.service import PeopleService, Proved
from mes.signatures import decide
from mes.signatures.events import SignatureRefused
from mes.signatures.meanings import TEXTS, Meaning
from mes.signatures.model import Credentials, ShownDocument, Signature

_REFUSALS = {Proved.PASSWORD_WRONG: "signature-secret-wrong", Proved.TOTP_WRONG: "second-factor-wrong"}


class SigningService:
    """Makes signatures of people in their sessions."""

    def __init__(self, ledger: Ledger, people: PeopleService) -> None:
        self._ledger = ledger
        self._people = people

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
        after: Sequence[tuple[Stream, int]],
        shown: ShownDocument,
        now: datetime,
    ) -> Signature:
        """Return the signature of the session's person on the entry that `stream`, `type`, `data`, `reason` make.

        Refuses as `decide.check_complete` does, and with `session-ended` (401), `signature-wrong-person` (403),
        `too-many-attempts` (429), `signature-secret-wrong` and `second-factor-wrong` (401); a wrong person or
        secret is recorded, without what was typed. Rule: REG-A11-14, REG-P11-200a1.
        """
        signed_before = self._people.signed_before(session)
        person = self._people.person(session.person.id)
        given, factors = decide.check_complete(credentials, person, shown, meaning, signed_before=signed_before)
        self._prove(session, person, given, meaning, factors, now)
        self._people.mark_signed(session)
        text = TEXTS[meaning]
        digest = decide.statement(
            site=self._ledger.site,
            gen=self._ledger.gen,
            stream=stream,
            type=type,
            after=after,
            shown=shown.digest,
            meaning=meaning,
            text=text,
            person=person,
            data=data,
            reason=reason,
        )
        document = {
            "meaning": meaning.value,
            "text": text,
            "person": {"id": person.id, "name": person.name},
            "at": time_text(now),
            "tz": self._ledger.tz,
            "utc_offset": offset_text(now.astimezone(ZoneInfo(self._ledger.tz))),
            "factors": list(factors),
            "after": decide.after_document(after),
            "shown": shown.digest,
            "statement": digest,
        }
        return Signature(document, shown.body)

    def _prove(
        self,
        session: Session,
        person: Person,
        given: Credentials,
        meaning: Meaning,
        factors: Sequence[str],
        now: datetime,
    ) -> None:
        if not decide.is_the_signer(given.user_name, person):
            self._record(session, person, meaning, "person_wrong", 1, now)
            raise Refusal("signature-wrong-person", status=403, person=person.name)
        totp = given.totp if "totp" in factors else None
        proof = self._people.prove(person, session.terminal, password=given.password or "", totp=totp)
        if proof.outcome is not Proved.RIGHT:
            self._record(session, person, meaning, proof.outcome.value, proof.in_a_row, now)
            raise Refusal(_REFUSALS[proof.outcome], status=401)
        if person.password_temporary:
            raise Refusal("password-temporary")

    def _record(
        self, session: Session, person: Person, meaning: Meaning, cause: str, in_a_row: int, now: datetime
    ) -> None:
        event = SignatureRefused(person.id, meaning, session.terminal, cause, in_a_row)
        write = Write(stream_name("person", person.id), (event.draft(),))
        self._ledger.append(new_op(), [write], actor=own_actor(person, session.terminal), now=now)
