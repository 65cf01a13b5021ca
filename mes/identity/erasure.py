"""Forgetting a patient: asked for and decided by two people of QA, refused while the law demands the data."""

from collections.abc import Callable
from datetime import datetime

from mes.clock import Clock
from mes.errors import Refusal
from mes.identity import decide
from mes.identity.events import ErasureRequested, PatientForgotten
from mes.identity.fold import fold_standing
from mes.identity.model import PatientStanding
from mes.identity.vault import PatientVault
from mes.ids import Op, Stream, stream
from mes.ledger.entry import Draft, Entry, Write
from mes.ledger.events import Event, decode_event
from mes.ledger.reader import LedgerReader
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.people.decide import actor_for
from mes.people.model import Session
from mes.people.ports import Line, Sign

KeptUntil = Callable[[str], datetime | None]
"""Tells until when the law demands what is traced of a patient; None where nothing is."""


def standing_of(ledger: LedgerReader, patient: str) -> PatientStanding:
    """Return how far the data protection of a patient has come."""
    entries = ledger.stream(stream("patient", patient))
    actors = (str(one.document["actor"]["id"]) for one in entries)
    events = (decode_event(one.type, one.tv, one.data) for one in entries)
    return fold_standing(zip(events, actors, strict=True))


class ErasureDesk:
    """Answers requests for erasure. One per process."""

    def __init__(self, vault: PatientVault, ledger: Ledger, clock: Clock, kept_until: KeptUntil) -> None:
        self._vault = vault
        self._ledger = ledger
        self._clock = clock
        self._kept_until = kept_until

    def patients(self) -> list[tuple[str, PatientStanding, datetime | None]]:
        """Return everybody in the vault by id, without names: standing, and until when the law demands their data."""
        return [(one, standing_of(self._ledger, one), self._kept_until(one)) for one in self._vault.patients()]

    def request(
        self, session: Session, op: Op, patient: str, *, ground: str, reason: str | None, sign: Sign
    ) -> PatientStanding:
        """Record a signed request; while the law demands the data it is refused and the patient restricted at once.

        Refuses `role-missing` (403), `reason-missing` (422), `patient-unknown` (404) and as `decide.answer_erasure`.
        Rule: REG-PRV-02.
        """
        where, person = stream("patient", patient), session.person.id
        if repeated(self._ledger, op, where, person, ErasureRequested, ground=ground) is None:
            why = self._checked(session, patient, reason)
            standing, now = standing_of(self._ledger, patient), self._clock.now()
            kept = self._kept_until(patient)
            asked, *answer = decide.answer_erasure(patient, standing, ground, kept, now)
            told = "refused, and restricted" if answer else "waits for a second person"
            lines: list[Line] = [("Erasure of", patient, None), ("Ground", ground, None), ("Reason", why, None),
                                 ("Answer", told, None)]  # fmt: skip
            if answer and kept:
                lines.append(("Kept by law until", f"{kept:%Y-%m-%d}", None))
            self._append(session, op, patient, asked, answer, why, lines, sign)
        return standing_of(self._ledger, patient)

    def forget(self, session: Session, op: Op, patient: str, *, reason: str | None, sign: Sign) -> PatientStanding:
        """Destroy the patient's data key, once the signed entry of a second person stands.

        Refuses `role-missing` (403), `reason-missing` (422), `patient-unknown` (404) and as `decide.forget`.
        Rule: SEC-54, REG-DI-08.
        """
        where, person = stream("patient", patient), session.person.id
        if repeated(self._ledger, op, where, person, PatientForgotten) is None:
            why = self._checked(session, patient, reason)
            standing = standing_of(self._ledger, patient)
            until = self._kept_until(patient)
            event = decide.forget(patient, standing, session.person.id, until, self._clock.now())
            lines: list[Line] = [
                ("Forget for ever", patient, self._asked(patient)), ("Ground", event.ground, None),
                ("Asked by", event.requester, None), ("Reason", why, None),
            ]  # fmt: skip
            self._append(session, op, patient, event, [], why, lines, sign)
        self._vault.forget(patient)  # entry before deed: after a crash between them `settle` does it
        return standing_of(self._ledger, patient)

    def settle(self) -> None:
        """Forget whom the ledger says to be forgotten, where a crash or a restored vault brought them back."""
        for patient in self._vault.patients():
            if standing_of(self._ledger, patient).forgotten:
                self._vault.forget(patient)

    def _checked(self, session: Session, patient: str, reason: str | None) -> str:
        if decide.MAY_DECIDE not in session.person.roles:
            raise Refusal("role-missing", status=403, role=decide.MAY_DECIDE.value)
        if not (reason or "").strip():
            raise Refusal("reason-missing", status=422)
        if not self._vault.knows(patient) and not self._vault.is_forgotten(patient):
            raise Refusal("patient-unknown", status=404, patient=patient[:64])
        return str(reason).strip()

    def _asked(self, patient: str) -> Entry | None:
        entries = self._ledger.stream(stream("patient", patient))
        return next((one for one in reversed(entries) if one.type == ErasureRequested.tag), None)

    def _append(
        self, session: Session, op: Op, patient: str, event: Event, others: list[Event], reason: str,
        lines: list[Line], sign: Sign,
    ) -> None:  # fmt: skip
        where: Stream = stream("patient", patient)
        expected = self._ledger.next_seq(where)
        unsigned: Draft = event.draft(reason=reason)
        signed, shown = sign(unsigned, where=where, after=[(where, expected - 1)], lines=lines)
        drafts = (signed, *(one.draft() for one in others))
        self._ledger.append(
            op, [Write(where, drafts, expected)], actor=actor_for(session, decide.MAY_DECIDE), now=self._clock.now(),
            shown=shown,
        )  # fmt: skip
