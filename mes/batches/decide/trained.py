"""Who works on a batch is trained on the very version of the master that it executes."""

from collections.abc import Iterable
from datetime import datetime

from mes.batches.fold.participation import ASKS_FOR_TRAINING
from mes.ledger.events import Event
from mes.masters.model import Master
from mes.people.training.decide import check_trained
from mes.people.training.model import Standing, Subject, SubjectKind


def subject_of(master: Master) -> Subject:
    """Return what those who work by a master are trained on."""
    return Subject(SubjectKind.MASTER, master.id, master.version)


def asks_for_training(events: Iterable[Event | None]) -> bool:
    """Tell whether any of the events is one that only a trained person may make."""
    return any(type(event) in ASKS_FOR_TRAINING for event in events)


def may_work(
    master: Master, events: Iterable[Event | None], name: str, held: Standing | None, now: datetime
) -> None:  # fmt: skip
    """Refuse `training-missing` or `training-lapsed` for acts that ask for training; any other act passes.

    Rule: REG-P11-10i.
    """
    if asks_for_training(events):
        check_trained(name, held, subject_of(master), now)
