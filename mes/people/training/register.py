"""Reading the training of people: as it stands now, and as it stood at any moment."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mes.ids import stream
from mes.ledger.entry import Entry
from mes.ledger.events import decode_event
from mes.ledger.store import Ledger
from mes.people.model import Person
from mes.people.tables import all_persons
from mes.people.training import tables
from mes.people.training.events import TrainingRecorded, TrainingWithdrawn
from mes.people.training.model import Standing, Subject, Training, TrainingResult


class TrainingRegister:
    """The trainings of one site's people; reads only."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def standing(self, person: str, subject: Subject) -> Standing | None:
        """Return how a person's training on a subject stands, None if there never was one."""
        with self._ledger.read() as conn:
            return tables.standing(conn, self._ledger.site, person, subject)

    def standings(self, subject: Subject | None = None) -> Sequence[Standing]:
        """Return all trainings of the site, or those on one subject."""
        with self._ledger.read() as conn:
            return tables.standings(conn, self._ledger.site, subject)

    def crew(self, subject: Subject, now: datetime) -> list[Person]:
        """Return the active people who are trained on a subject now, by user name."""
        with self._ledger.read() as conn:
            valid = {one.person for one in tables.standings(conn, self._ledger.site, subject) if one.is_valid(now)}
            return [one for one in all_persons(conn, self._ledger.site) if one.active and one.id in valid]

    def histories(self, persons: Iterable[str], subject: Subject) -> Mapping[str, tuple[Training, ...]]:
        """Return, per person, every fact of their training on a subject, oldest first, from the entries themselves."""
        return {person: history(self._ledger.stream(stream("person", person)), subject) for person in persons}


def history(entries: Iterable[Entry], subject: Subject) -> tuple[Training, ...]:
    """Return the facts of training on one subject among the entries of a person's stream."""
    found = []
    for entry in entries:
        event = decode_event(entry.type, entry.tv, entry.data) if entry.type.startswith("person:training:") else None
        if not isinstance(event, TrainingRecorded | TrainingWithdrawn):
            continue
        if Subject(event.kind, event.subject, event.version) != subject:
            continue
        passed = isinstance(event, TrainingRecorded) and event.result is TrainingResult.PASSED
        until = event.valid_until if isinstance(event, TrainingRecorded) and passed else None
        found.append(Training(entry.at, until))
    return tuple(found)
