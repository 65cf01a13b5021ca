"""The rules of training: who may record it, how long it lasts, and what lacks a person at a moment. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from mes.errors import Refusal
from mes.ids import PersonId, checked_id
from mes.people.model import Person, Role
from mes.people.training.events import TrainingRecorded, TrainingWithdrawn
from mes.people.training.model import Standing, Subject, SubjectKind, TrainingResult

TRAINERS = (Role.SUPERVISOR, Role.QA)
"""Who may record a training: they answer for those who work, and are never the trained person."""
LONGEST = timedelta(days=3 * 366)
"""The longest time after which training is renewed; a site's procedure sets a shorter one."""


def record_training(
    person: Person,
    subject: Subject,
    result: TrainingResult,
    valid_until: datetime,
    *,
    trainer: PersonId,
    now: datetime,
    evidence: Mapping[str, object] | None = None,
) -> TrainingRecorded:
    """Decide on a record of training.

    Refuses `person-disabled`, `own-training`, `id-malformed`, `training-version` (a master or procedure without a
    version, or a class of devices with one) and `training-until` (already over, or more than three years ahead).
    Rule: REG-P11-10i.
    """
    if not person.active:
        raise Refusal("person-disabled", status=403, person=person.id)
    if trainer == person.id:
        raise Refusal("own-training", status=403)
    if (subject.version > 0) is (subject.kind is SubjectKind.DEVICE_CLASS) or subject.version < 0:
        raise Refusal("training-version", status=422, subject=subject.id[:64])
    if not now < valid_until <= now + LONGEST:
        raise Refusal("training-until", status=422, given=valid_until, most_days=LONGEST.days)
    return TrainingRecorded(
        person.id, subject.kind, checked_id(subject.id), subject.version, trainer, result, valid_until, evidence
    )


def withdraw_training(person: Person, held: Standing | None, subject: Subject, reason: str | None) -> TrainingWithdrawn:
    """Decide that a training counts no longer; refuses `reason-missing` and `training-not-held`."""
    if not reason or not reason.strip():
        raise Refusal("reason-missing", status=422)
    if held is None or held.valid_until is None:
        raise Refusal("training-not-held", person=person.name, subject=subject.text)
    return TrainingWithdrawn(person.id, subject.kind, subject.id, subject.version)


def check_trained(name: str, held: Standing | None, subject: Subject, now: datetime) -> None:
    """Refuse `training-missing` or `training-lapsed` (403) for a person who is not trained now.

    Rule: REG-P11-10i, REG-P11-10g.
    """
    if held is None or held.valid_until is None:
        raise Refusal("training-missing", status=403, person=name, master=subject.id, version=subject.version)
    if not held.is_valid(now):
        raise Refusal(
            "training-lapsed", status=403, person=name, master=subject.id, version=subject.version,
            until=held.valid_until,
        )  # fmt: skip
