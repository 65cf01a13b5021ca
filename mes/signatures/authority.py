"""Who may sign what: for each meaning the roles that give it, as a closed table that QA can read.

Source: regulation catalogue, section C. The act signed checks its own role as well: this table is the outer fence,
so that no form and no new act can have a meaning signed by somebody who does not answer for it.
"""

from collections.abc import Mapping

from mes.errors import Refusal
from mes.people.model import Person, Role
from mes.signatures.meanings import Meaning

_LINE = frozenset({Role.OPERATOR, Role.SUPERVISOR})
_WARD = frozenset({Role.CLINICIAN, Role.COLLECTION_NURSE, Role.PHARMACIST})
_LAB = frozenset({Role.QC_ANALYST, Role.QC_REVIEWER})
_QUALITY = frozenset({Role.QA, Role.QP})
_DOERS = _LINE | _WARD | {Role.QC_ANALYST, Role.COURIER}
_AMENDERS = _DOERS | {Role.VERIFIER, Role.QC_REVIEWER}
_CARRIERS = _WARD | {Role.OPERATOR, Role.COURIER}
_RAISERS = _LINE | _WARD | _LAB | _QUALITY | {Role.VERIFIER}

AUTHORITY: Mapping[Meaning, frozenset[Role]] = {
    Meaning.PERFORMED: _DOERS | {Role.QA},  # QA signs the training that it gave; no step of a master names it so
    Meaning.VERIFIED: frozenset({Role.VERIFIER, Role.SUPERVISOR, Role.QC_REVIEWER, Role.CLINICIAN, Role.QA}),
    Meaning.AUTO_CHECKED: _LINE | {Role.VERIFIER},
    Meaning.LINE_CLEARED: _LINE | {Role.VERIFIER},
    Meaning.RECEIVED_ACCEPTED: _LINE | _WARD,
    Meaning.RECEIVED_REJECTED: _LINE | _WARD,
    Meaning.LABEL_ISSUED: _LINE,
    Meaning.LABEL_RECONCILED: _LINE | {Role.VERIFIER, Role.QA},
    Meaning.SAMPLED: _LINE | {Role.QC_ANALYST, Role.COLLECTION_NURSE},
    Meaning.RESULT_ENTERED: frozenset({Role.QC_ANALYST}),
    Meaning.RESULT_REVIEWED: frozenset({Role.QC_REVIEWER}),
    Meaning.CORRECTED: _AMENDERS,
    Meaning.LATE_ENTRY: _AMENDERS,
    Meaning.VOIDED: _AMENDERS,
    Meaning.ALARM_ASSESSED: _LINE | {Role.QC_REVIEWER, Role.QA},
    Meaning.DEV_RAISED: _RAISERS,
    Meaning.DEV_ASSESSED: frozenset({Role.SUPERVISOR, Role.QC_REVIEWER}),
    Meaning.DEV_APPROVED: _QUALITY,
    Meaning.INVESTIGATION_CLOSED: frozenset({Role.QA}),
    Meaning.MASTER_AUTHORED: frozenset({Role.MASTER_AUTHOR}),
    Meaning.MASTER_REVIEWED: frozenset({Role.SUPERVISOR, Role.QC_REVIEWER}),
    Meaning.MASTER_APPROVED: frozenset({Role.QA}),
    Meaning.MASTER_ISSUED: frozenset({Role.QA}),
    Meaning.PROD_REVIEWED: frozenset({Role.SUPERVISOR}),
    Meaning.QC_UNIT_APPROVED: frozenset({Role.QC_REVIEWER}),
    Meaning.AUDIT_TRAIL_REVIEWED: _QUALITY,
    Meaning.QA_REVIEWED: frozenset({Role.QA}),
    Meaning.QP_PRELIM_CERTIFIED: frozenset({Role.QP}),
    Meaning.QP_FINAL_CERTIFIED: frozenset({Role.QP}),
    Meaning.QP_REFUSED: frozenset({Role.QP}),
    Meaning.CERT_WITHDRAWN: frozenset({Role.QP}),
    Meaning.RELEASE_ASSIGNED: _QUALITY,
    Meaning.REJECTED_DISPOSED: _QUALITY,
    Meaning.OOS_RISK_EVALUATED: frozenset({Role.QA}),
    Meaning.OOS_REQUESTED: frozenset({Role.CLINICIAN}),
    Meaning.OOS_ACCEPTED: frozenset({Role.CLINICIAN}),
    Meaning.AUTHORITY_NOTIFIED: _QUALITY,
    Meaning.HANDED_OVER: _CARRIERS,
    Meaning.TAKEN_OVER: _CARRIERS,
    Meaning.STORED: _CARRIERS,
    Meaning.RETRIEVED: _CARRIERS,
    Meaning.THAWED: _WARD | {Role.OPERATOR},
    Meaning.BEDSIDE_ID_1: _WARD,
    Meaning.BEDSIDE_ID_2: _WARD,
    Meaning.INFUSION_STARTED: frozenset({Role.CLINICIAN}),
    Meaning.INFUSION_COMPLETED: frozenset({Role.CLINICIAN}),
    Meaning.CHANGE_REQUESTED: _RAISERS | {Role.MASTER_AUTHOR, Role.ADMINISTRATOR},
    Meaning.CHANGE_APPROVED: frozenset({Role.QA}),
    Meaning.CHANGE_IMPLEMENTED: frozenset({Role.ADMINISTRATOR}),
    Meaning.ACCESS_APPROVED: frozenset({Role.QA}),
    Meaning.IDENTITY_PROVED: frozenset({Role.QA, Role.ADMINISTRATOR}),  # an administrator only before the first QA
    Meaning.ACCOUNTABILITY_ACCEPTED: frozenset(Role),
    Meaning.BREAK_GLASS: _LINE | {Role.CLINICIAN, Role.COLLECTION_NURSE, Role.COURIER},
    Meaning.TRANSCRIBED_FROM_PAPER: _DOERS,
    Meaning.RESTORE_DRILL_PASSED: frozenset({Role.ADMINISTRATOR, Role.QA}),
}
"""Every meaning of the closed list, and the roles that give it."""

ANYBODY = frozenset({Meaning.ACCOUNTABILITY_ACCEPTED})
"""What also a person without a role signs: that their signature binds them."""


def check_authority(person: Person, meaning: Meaning) -> None:
    """Refuse `meaning-not-yours` (403) unless the person holds a role that gives this meaning.

    Rule: REG-P11-10g, REG-DI-06.
    """
    if meaning not in ANYBODY and not person.roles & AUTHORITY[meaning]:
        named = ", ".join(sorted(role.value.replace("_", " ") for role in AUTHORITY[meaning]))
        raise Refusal("meaning-not-yours", status=403, meaning=meaning.value, roles=named)
