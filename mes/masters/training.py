"""Training on masters, devices and procedures: recorded by a trainer, withdrawn with a reason; who is missing.

It lies in this room because a training on a master names a version that exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.clock import Clock
from mes.errors import Refusal
from mes.ids import Op, PersonId, stream
from mes.ledger.content import new_content
from mes.ledger.entry import Content, Write
from mes.ledger.events import time_text
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.masters.service import MasterService
from mes.masters.staffing import shortage, staffing
from mes.people.decide import actor_for
from mes.people.model import Person, Role, Session
from mes.people.service import PeopleService
from mes.people.training import decide
from mes.people.training.events import TrainingRecorded, TrainingWithdrawn
from mes.people.training.model import Standing, Subject, SubjectKind, TrainingResult
from mes.people.training.register import TrainingRegister
from mes.signatures.meanings import Meaning
from mes.signatures.model import Credentials, ShownItem, shown_document
from mes.signatures.service import SigningService

MAX_TEXT = 8_000
MAX_WAITING = 256
"""Texts kept between a prompt and its signature."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Who is trained on a version of a master, by the roles that it needs; `lacking` says in words what is missing."""

    subject: Subject
    needed: Mapping[str, int]
    trained: Mapping[str, tuple[Person, ...]]
    untrained: Mapping[str, tuple[Person, ...]]
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a trainer records: who, on what, how it ended, until when, and the evidence in words, if any."""

    person: PersonId
    subject: Subject
    result: TrainingResult
    valid_until: datetime
    evidence: str | None = None


class TrainingService:
    """Records training and says who is trained."""

    def __init__(
        self, ledger: Ledger, clock: Clock, signing: SigningService, people: PeopleService, masters: MasterService
    ) -> None:
        self._ledger, self._clock, self._signing = ledger, clock, signing
        self._people, self._masters = people, masters
        self.register = TrainingRegister(ledger)
        self._told: dict[tuple[str, str], Content] = {}

    def record(self, session: Session, credentials: Credentials | None, given: Trained, op: Op) -> Standing | None:
        """Record how a training ended, signed by the trainer (PERFORMED: the training is the act).

        Refuses `role-missing`, `person-unknown`, `master-unknown`, `master-not-approved`, what
        `decide.record_training` and signing refuse. Rule: REG-P11-10i.
        """
        told = {"kind": given.subject.kind, "subject": given.subject.id, "version": given.subject.version}
        if repeated(
            self._ledger, op, stream("person", given.person), session.person.id, TrainingRecorded, result=given.result,
            valid_until=given.valid_until, **told,
        ):  # fmt: skip
            return self.register.standing(given.person, given.subject)
        actor, now = actor_for(session, _role(session)), self._clock.now()
        person = self._people.person(given.person)
        if given.subject.kind is SubjectKind.MASTER:
            self._masters.approved(given.subject.id, given.subject.version)
        content = self._content(op, given.evidence) if given.evidence else None
        event = decide.record_training(
            person, given.subject, given.result, given.valid_until, trainer=session.person.id, now=now,
            evidence=content.as_reference() if content else None,
        )  # fmt: skip
        name, draft = stream("person", person.id), event.draft()
        items = [
            ShownItem("Person", person.name), ShownItem("Trained on", given.subject.text),
            ShownItem("Kind", given.subject.kind.value), ShownItem("Result", given.result.value),
            ShownItem("Valid until", time_text(given.valid_until)), ShownItem("Trainer", session.person.name),
            *([ShownItem("Evidence", f"content {content.digest}")] if content else []),
        ]  # fmt: skip
        seq = self._ledger.next_seq(name)
        signature = self._signing.sign(
            session, credentials, meaning=Meaning.PERFORMED, stream=name, type=draft.type, data=draft.data,
            reason=None, after=[(name, seq - 1)], shown=shown_document(items), now=now,
        )  # fmt: skip
        write = Write(name, (event.draft(signature=signature.document),))
        self._ledger.append(
            op, [write], actor=actor, now=now, contents=[content] if content else [], shown=[signature.shown]
        )
        return self.register.standing(given.person, given.subject)

    def withdraw(self, session: Session, person_id: PersonId, subject: Subject, reason: str | None, op: Op) -> None:
        """Let a training count no longer, at once; refuses `role-missing` and what the rule refuses."""
        told = {"kind": subject.kind, "subject": subject.id, "version": subject.version}
        if repeated(self._ledger, op, stream("person", person_id), session.person.id, TrainingWithdrawn, **told):
            return
        actor, now = actor_for(session, _role(session)), self._clock.now()
        held = self.register.standing(person_id, subject)
        event = decide.withdraw_training(self._people.person(person_id), held, subject, reason)
        write = Write(stream("person", person_id), (event.draft(reason=reason),))
        self._ledger.append(op, [write], actor=actor, now=now)

    def crew(self, master_id: str, version: int) -> Crew:
        """Return who may work by a version of a master now, and who is missing. Rule: PRA-20."""
        master, now = self._masters.approved(master_id, version), self._clock.now()
        subject = Subject(SubjectKind.MASTER, master.id, master.version)
        trained = self.register.crew(subject, now)
        ready = {one.id for one in trained}
        others = [one for one in self._people.people() if one.active and one.id not in ready]
        needed = staffing(master).by_role
        return Crew(
            subject, needed, {role: _in_role(trained, role) for role in needed},
            {role: _in_role(others, role) for role in needed}, shortage(master, trained),
        )  # fmt: skip

    def crews(self) -> list[Crew]:
        """Return the crew of every master on which batches may begin."""
        rows = [row for row in self._masters.masters() if row["approver"] and not row["superseded_by"]]
        return [self.crew(row["master"], row["version"]) for row in rows]

    def _content(self, op: Op, text: str) -> Content:
        # The prompt and the signed act are two calls; the digest that is signed must be the same in both.
        if not text.strip() or len(text) > MAX_TEXT:
            raise Refusal("text-length", status=422, most=MAX_TEXT)
        if len(self._told) >= MAX_WAITING:
            self._told.pop(next(iter(self._told)))
        return self._told.setdefault((op, text), new_content(text))


def _role(session: Session) -> Role:
    return next((role for role in decide.TRAINERS if role in session.person.roles), decide.TRAINERS[0])


def _in_role(people: Sequence[Person], role: str) -> tuple[Person, ...]:
    return tuple(one for one in people if role in one.roles)
