"""The door of the vault: every enrolment and every look at who a patient is becomes an entry first."""

from mes.clock import Clock
from mes.errors import Refusal
from mes.identity.decide import check_reveal
from mes.identity.erasure import standing_of
from mes.identity.events import PatientEnrolled, PatientRevealed
from mes.identity.model import MAY_ENROL, Patient, checked_purpose
from mes.identity.vault import PatientVault
from mes.ids import Op, stream
from mes.ledger.entry import Actor, Entry, Write
from mes.ledger.events import Event, encode
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.people.decide import actor_for
from mes.people.model import Role, Session


class PatientService:
    """Enrols and reveals patients for signed-in people. One per process."""

    def __init__(self, vault: PatientVault, ledger: Ledger, clock: Clock) -> None:
        self._vault = vault
        self._ledger = ledger
        self._clock = clock

    def enrol(
        self, session: Session, op: Op, *, name: str, birth_date: str, hospital_number: str, wristband: str
    ) -> str:
        """Keep a patient in the vault and return their vault id; the ledger learns id and wristband digest alone.

        Refuses `role-missing` (403) and what `PatientVault.put` refuses. A patient who is known keeps their id.
        """
        role, now = _first(session, MAY_ENROL), self._clock.now()
        digest = self._vault.wristband_digest(wristband)
        known = repeated(self._ledger, op, None, session.person.id, PatientEnrolled, wristband=digest)
        if known:
            return str(known.data["patient"])
        patient = self._vault.put(
            name=name, birth_date=birth_date, hospital_number=hospital_number, wristband=wristband, today=now.date()
        )
        # Vault before ledger: after a crash between them the repeated call finds the patient and writes the entry.
        if self._ledger.next_seq(stream("patient", patient)) == 0:
            event = PatientEnrolled(patient, digest)
            self._append(op, event, patient, actor_for(session, role))
        return patient

    def reveal(self, session: Session, op: Op, patient: str, purpose: str) -> Patient:
        """Return who a patient is, once the look is recorded.

        Refuses `purpose-unknown`, `role-missing` (403), `patient-unknown` (404), as `decide.check_reveal`, and
        `operation-other` if the operation id stands for another act already. Rule: REG-PRV-01.
        """
        wanted = checked_purpose(purpose, session.person.roles)
        if not self._vault.knows(patient):
            if self._vault.is_forgotten(patient):
                raise Refusal("patient-forgotten", status=404, patient=patient[:64])
            raise Refusal("patient-unknown", status=404, patient=patient[:64])
        check_reveal(patient, standing_of(self._ledger, patient), wanted)
        role = next(role for role in sorted(session.person.roles) if _may(role, purpose))
        event = PatientRevealed(patient, wanted.value)
        written = self._append(op, event, patient, actor_for(session, role))
        same = written[0].type == event.tag and dict(written[0].data) == encode(event)
        if not same or written[0].document["actor"]["id"] != session.person.id:
            raise Refusal("operation-other", op=op)
        return self._vault.get(patient)

    def wristband_digest(self, code: str) -> str:
        """Return the digest by which orders and batches know a wristband; refuses `wristband-unreadable`."""
        return self._vault.wristband_digest(code)

    def patient_of(self, wristband: str) -> str | None:
        """Return the vault id of the wristband's patient, None if nobody wears it."""
        return self._vault.patient_of(wristband)

    def _append(self, op: Op, event: Event, patient: str, actor: Actor) -> tuple[Entry, ...]:
        write = Write(stream("patient", patient), (event.draft(),))
        return self._ledger.append(op, [write], actor=actor, now=self._clock.now())


def _first(session: Session, allowed: frozenset[Role]) -> Role:
    for role in sorted(session.person.roles):
        if role in allowed:
            return role
    raise Refusal("role-missing", status=403, role=" or ".join(sorted(allowed)))


def _may(role: Role, purpose: str) -> bool:
    try:
        checked_purpose(purpose, frozenset({role}))
    except Refusal:
        return False
    return True
