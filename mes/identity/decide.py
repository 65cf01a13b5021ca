"""The rules of data protection: when somebody may be forgotten and content removed, and what is answered else. Pure.

Rule: REG-PRV-02, REG-ATMP-06, REG-DI-08.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mes.errors import Refusal
from mes.identity.events import ErasureRefused, ErasureRequested, PatientForgotten, PatientRestricted
from mes.identity.model import (
    LEFT_WHEN_RESTRICTED,
    NEVER_LAWFUL,
    ErasureGround,
    PatientStanding,
    Purpose,
    RemovalGround,
)
from mes.ids import PersonId
from mes.ledger.content import content_references
from mes.ledger.entry import Entry
from mes.ledger.events import Event
from mes.people.model import Role

KEPT_YEARS = 30
BASIS = "GDPR art. 17(3)(b): traceability data are kept 30 years after expiry, Regulation (EC) 1394/2007 art. 15(4)"
MAY_DECIDE = Role.QA
"""Who answers requests of data protection and removes content; with reason and signature."""
EXPIRIES = frozenset({"expiry", "expiry_at"})


def end_of_retention(entries: Iterable[Entry]) -> datetime | None:
    """Return until when these entries are kept: 30 years after the newest of them or the latest expiry they name.

    None for no entry. Rule: REG-ATMP-06.
    """
    moments = [moment for entry in entries for moment in (entry.at, *_expiries(entry.data))]
    return _later(max(moments)) if moments else None


def answer_erasure(
    patient: str, standing: PatientStanding, ground: str, kept_until: datetime | None, now: datetime
) -> tuple[Event, ...]:
    """Return the request and, while the law demands the data, its refusal and the restriction that is given instead.

    Refuses `choice-unknown` (422), `patient-forgotten` (404) and `erasure-asked`. Rule: REG-PRV-02.
    """
    if ground not in list(ErasureGround):
        raise Refusal("choice-unknown", status=422, parameter="ground", choices=", ".join(ErasureGround))
    _not_forgotten(patient, standing)
    if standing.requester is not None:
        raise Refusal("erasure-asked", patient=patient)
    asked = ErasureRequested(patient, ground)
    if kept_until is None or kept_until <= now:
        return (asked,)
    answer: tuple[Event, ...] = (asked, ErasureRefused(patient, BASIS, kept_until))
    return answer if standing.restricted else (*answer, PatientRestricted(patient))


def forget(
    patient: str, standing: PatientStanding, by: str, kept_until: datetime | None, now: datetime
) -> PatientForgotten:
    """Return the fact that a patient is forgotten, decided by a second person.

    Refuses `patient-forgotten` (404), `erasure-not-asked`, `erasure-same-person` (403), `erasure-retained`.
    """
    _not_forgotten(patient, standing)
    if standing.requester is None or standing.ground is None:
        raise Refusal("erasure-not-asked", patient=patient)
    if standing.requester == by:
        raise Refusal("erasure-same-person", status=403)
    if kept_until is not None and kept_until > now:
        raise Refusal("erasure-retained", patient=patient, until=kept_until)
    return PatientForgotten(patient, standing.ground, PersonId(standing.requester))


def check_reveal(patient: str, standing: PatientStanding, purpose: Purpose) -> None:
    """Refuse `patient-forgotten` (404), and `patient-restricted` for a purpose that has to wait. Rule: REG-PRV-02."""
    _not_forgotten(patient, standing)
    if standing.restricted and purpose not in LEFT_WHEN_RESTRICTED:
        raise Refusal("patient-restricted", purposes=", ".join(sorted(LEFT_WHEN_RESTRICTED)))


def check_removal(ground: str, kept_until: datetime | None, now: datetime) -> RemovalGround:
    """Return the ground on which content may go now; refuses `choice-unknown` (422) and `content-retained`."""
    if ground not in list(RemovalGround):
        raise Refusal("choice-unknown", status=422, parameter="ground", choices=", ".join(RemovalGround))
    found = RemovalGround(ground)
    if found not in NEVER_LAWFUL and kept_until is not None and kept_until > now:
        raise Refusal("content-retained", until=kept_until)
    return found


def holder_of(entries: Iterable[Entry], digest: str) -> Entry:
    """Return the first entry that refers to the content; refuses `content-not-here` (404)."""
    for entry in entries:
        if digest in content_references(entry.document):
            return entry
    raise Refusal("content-not-here", status=404, digest=digest[:64])


def _not_forgotten(patient: str, standing: PatientStanding) -> None:
    if standing.forgotten:
        raise Refusal("patient-forgotten", status=404, patient=patient[:64])


def _expiries(data: Mapping[str, Any]) -> Iterable[datetime]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _expiries(value)
        elif name in EXPIRIES and isinstance(value, str):
            moment = datetime.fromisoformat(value)
            yield moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _later(moment: datetime) -> datetime:
    # 29 February becomes 1 March: a day longer, never a day less
    if (moment.month, moment.day) == (2, 29):
        moment += timedelta(days=1)
    return moment.replace(year=moment.year + KEPT_YEARS)
