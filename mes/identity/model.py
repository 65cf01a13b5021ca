"""Who a patient is, for the few moments in which that is revealed, and for what purposes it may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from mes.errors import Refusal
from mes.people.model import Role

MAX_NAME, MAX_NUMBER = 120, 40
EARLIEST_BIRTH = date(1900, 1, 1)


class Purpose(StrEnum):
    """Why somebody looks at who a patient is; a closed list, so that no name can be typed into the record."""

    ORDER = "checking the order"
    COLLECTION = "identification at the collection"
    LABEL = "printing a label"
    BEDSIDE = "identification at the bedside"
    CONTACT = "contacting the treating team"
    INSPECTION = "inspection"


MAY_REVEAL: Mapping[Purpose, frozenset[Role]] = {
    Purpose.ORDER: frozenset({Role.CLINICIAN, Role.PHARMACIST}),
    Purpose.COLLECTION: frozenset({Role.COLLECTION_NURSE, Role.CLINICIAN}),
    Purpose.LABEL: frozenset({Role.OPERATOR, Role.COLLECTION_NURSE, Role.PHARMACIST}),
    Purpose.BEDSIDE: frozenset({Role.CLINICIAN}),
    Purpose.CONTACT: frozenset({Role.CLINICIAN, Role.QA, Role.QP}),
    Purpose.INSPECTION: frozenset({Role.AUDITOR, Role.QA}),
}
"""Which roles may look for which purpose. Rule: REG-PRV-01."""
LEFT_WHEN_RESTRICTED = frozenset({Purpose.COLLECTION, Purpose.BEDSIDE, Purpose.CONTACT, Purpose.INSPECTION})
"""What a restricted patient is still revealed for: their own safety, the treating team, an inspection."""
MAY_ENROL = frozenset({Role.CLINICIAN, Role.COLLECTION_NURSE, Role.PHARMACIST})


class ErasureGround(StrEnum):
    """Why a patient shall be forgotten; a closed list."""

    ASKED = "request of the patient"
    MISTAKE = "enrolled by mistake"
    ENDED = "retention ended"


class RemovalGround(StrEnum):
    """The legal ground on which detachable content is removed; a closed list."""

    ERASURE = "GDPR art. 17 request granted"
    IDENTITY = "identity visible in a photo or text"
    WRONG_PATIENT = "data of the wrong patient"
    ENDED = "retention ended"


NEVER_LAWFUL = frozenset({RemovalGround.IDENTITY, RemovalGround.WRONG_PATIENT})
"""Grounds that count within retention as well: such content should never have stood in the record."""


@dataclass(frozen=True, slots=True)
class PatientStanding:
    """How far the data protection of a patient has come, by their entries.

    `requester` asked for erasure on `ground` and nobody answered yet; `refused_until`: the answer that was given last.
    """

    requester: str | None = None
    ground: ErasureGround | None = None
    refused_until: datetime | None = None
    restricted: bool = False
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient as the vault knows them; only `patient`, the vault's own id, is ever printed or logged."""

    patient: str
    name: str = field(repr=False)
    birth_date: date = field(repr=False)
    hospital_number: str = field(repr=False)


def checked_patient(patient: str, name: str, birth_date: str, hospital_number: str, today: date) -> Patient:
    """Return a patient from a form, or refuse with `patient-field-wrong` that names the field and not its value."""
    name, hospital_number = " ".join(name.split()), hospital_number.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise Refusal("patient-field-wrong", status=422, field="name")
    if not 1 <= len(hospital_number) <= MAX_NUMBER or not hospital_number.isprintable():
        raise Refusal("patient-field-wrong", status=422, field="hospital_number")
    try:
        born = date.fromisoformat(birth_date)
    except ValueError:
        # "from None": the error of the standard library repeats the date
        raise Refusal("patient-field-wrong", status=422, field="birth_date") from None
    if not EARLIEST_BIRTH <= born <= today:
        raise Refusal("patient-field-wrong", status=422, field="birth_date")
    return Patient(patient, name, born, hospital_number)


def checked_purpose(purpose: str, roles: frozenset[Role]) -> Purpose:
    """Return a purpose that one of the roles may look for; refuses `purpose-unknown` and `role-missing` (403)."""
    if purpose not in list(Purpose):
        raise Refusal("purpose-unknown", status=422, choices=", ".join(Purpose))
    wanted = Purpose(purpose)
    if not roles & MAY_REVEAL[wanted]:
        raise Refusal("role-missing", status=403, role=" or ".join(sorted(MAY_REVEAL[wanted])))
    return wanted
