"""The register of training, a projection of the ledger: one row per person and subject, the newest fact."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, RowMapping, String, Table, bindparam, delete, insert, select

from mes.ledger.entry import Entry
from mes.ledger.events import decode_event, time_text
from mes.people.projected import METADATA
from mes.people.training.events import TrainingRecorded, TrainingWithdrawn
from mes.people.training.model import Standing, Subject, SubjectKind, TrainingResult

WITHDRAWN = "withdrawn"
PERSON_TRAINING = Table(
    "person_training",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("result", String(16), nullable=False),
    Column("trainer", String(64), nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("valid_until", String(32)),
)
_OF_ONE = select(PERSON_TRAINING).where(*(
    PERSON_TRAINING.c[name] == bindparam(name) for name in ("site", "person", "kind", "subject", "version")
))  # fmt: skip


def project_training(conn: Connection, entry: Entry) -> None:
    """Bring the register up to date with one entry; others pass by."""
    if not entry.type.startswith("person:training:"):
        return
    event = decode_event(entry.type, entry.tv, entry.data)
    site = str(entry.document["site"])
    if isinstance(event, TrainingRecorded):
        until = time_text(event.valid_until) if event.result is TrainingResult.PASSED else None
        _stands(conn, site, event, entry, result=event.result.value, trainer=event.trainer, valid_until=until)
    elif isinstance(event, TrainingWithdrawn):
        by = str(entry.document["actor"]["id"])
        _stands(conn, site, event, entry, result=WITHDRAWN, trainer=by, valid_until=None)


def standing(conn: Connection, site: str, person: str, subject: Subject) -> Standing | None:
    """Return how a person's training on a subject stands, None if there never was one."""
    asked = {"site": site, "person": person, "kind": subject.kind.value, "subject": subject.id}
    row = conn.execute(_OF_ONE, {**asked, "version": subject.version}).mappings().first()
    return None if row is None else _standing(row)


def standings(conn: Connection, site: str, subject: Subject | None = None) -> Sequence[Standing]:
    """Return everybody's trainings, or those on one subject, in the order of subjects and persons."""
    of = PERSON_TRAINING.c
    query = select(PERSON_TRAINING).where(of.site == site).order_by(of.kind, of.subject, of.version, of.person)
    if subject is not None:
        query = query.where(of.kind == subject.kind.value, of.subject == subject.id, of.version == subject.version)
    return [_standing(row) for row in conn.execute(query).mappings()]


def _key(site: str, person: str, subject: Subject) -> tuple[Any, ...]:
    of = PERSON_TRAINING.c
    return (
        of.site == site, of.person == person, of.kind == subject.kind.value, of.subject == subject.id,
        of.version == subject.version,
    )  # fmt: skip


def _stands(
    conn: Connection, site: str, event: TrainingRecorded | TrainingWithdrawn, entry: Entry, **told: str | None
) -> None:
    subject = Subject(event.kind, event.subject, event.version)
    conn.execute(delete(PERSON_TRAINING).where(*_key(site, event.person, subject)))
    row = {
        "site": site, "person": event.person, "kind": subject.kind.value, "subject": subject.id,
        "version": subject.version, "recorded_at": time_text(entry.at), **told,
    }  # fmt: skip
    conn.execute(insert(PERSON_TRAINING).values(**row))


def _standing(row: RowMapping) -> Standing:
    subject = Subject(SubjectKind(row["kind"]), row["subject"], row["version"])
    until = datetime.fromisoformat(row["valid_until"]) if row["valid_until"] else None
    recorded = datetime.fromisoformat(row["recorded_at"])
    return Standing(row["person"], subject, row["result"], row["trainer"], recorded, until)
