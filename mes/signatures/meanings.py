"""What a signature can mean: a closed list, the sentence shown and printed for each, and which need two factors.

Source: regulation catalogue, section D. A meaning is never changed or taken away, only added.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files

import yaml


class Meaning(StrEnum):
    """The meaning of a signature; the signer is asked for it and it is printed (REG-P11-50)."""

    PERFORMED = "PERFORMED"
    VERIFIED = "VERIFIED"
    AUTO_CHECKED = "AUTO_CHECKED"
    LINE_CLEARED = "LINE_CLEARED"
    RECEIVED_ACCEPTED = "RECEIVED_ACCEPTED"
    RECEIVED_REJECTED = "RECEIVED_REJECTED"
    LABEL_ISSUED = "LABEL_ISSUED"
    LABEL_RECONCILED = "LABEL_RECONCILED"
    SAMPLED = "SAMPLED"
    RESULT_ENTERED = "RESULT_ENTERED"
    RESULT_REVIEWED = "RESULT_REVIEWED"
    CORRECTED = "CORRECTED"
    LATE_ENTRY = "LATE_ENTRY"
    VOIDED = "VOIDED"
    ALARM_ASSESSED = "ALARM_ASSESSED"
    DEV_RAISED = "DEV_RAISED"
    DEV_ASSESSED = "DEV_ASSESSED"
    DEV_APPROVED = "DEV_APPROVED"
    INVESTIGATION_CLOSED = "INVESTIGATION_CLOSED"
    MASTER_AUTHORED = "MASTER_AUTHORED"
    MASTER_REVIEWED = "MASTER_REVIEWED"
    MASTER_APPROVED = "MASTER_APPROVED"
    MASTER_ISSUED = "MASTER_ISSUED"
    PROD_REVIEWED = "PROD_REVIEWED"
    QC_UNIT_APPROVED = "QC_UNIT_APPROVED"
    AUDIT_TRAIL_REVIEWED = "AUDIT_TRAIL_REVIEWED"
    QA_REVIEWED = "QA_REVIEWED"
    QP_PRELIM_CERTIFIED = "QP_PRELIM_CERTIFIED"
    QP_FINAL_CERTIFIED = "QP_FINAL_CERTIFIED"
    QP_REFUSED = "QP_REFUSED"
    CERT_WITHDRAWN = "CERT_WITHDRAWN"
    RELEASE_ASSIGNED = "RELEASE_ASSIGNED"
    REJECTED_DISPOSED = "REJECTED_DISPOSED"
    OOS_RISK_EVALUATED = "OOS_RISK_EVALUATED"
    OOS_REQUESTED = "OOS_REQUESTED"
    OOS_ACCEPTED = "OOS_ACCEPTED"
    AUTHORITY_NOTIFIED = "AUTHORITY_NOTIFIED"
    HANDED_OVER = "HANDED_OVER"
    TAKEN_OVER = "TAKEN_OVER"
    STORED = "STORED"
    RETRIEVED = "RETRIEVED"
    THAWED = "THAWED"
    BEDSIDE_ID_1 = "BEDSIDE_ID_1"
    BEDSIDE_ID_2 = "BEDSIDE_ID_2"
    INFUSION_STARTED = "INFUSION_STARTED"
    INFUSION_COMPLETED = "INFUSION_COMPLETED"
    CHANGE_REQUESTED = "CHANGE_REQUESTED"
    CHANGE_APPROVED = "CHANGE_APPROVED"
    CHANGE_IMPLEMENTED = "CHANGE_IMPLEMENTED"
    ACCESS_APPROVED = "ACCESS_APPROVED"
    IDENTITY_PROVED = "IDENTITY_PROVED"
    ACCOUNTABILITY_ACCEPTED = "ACCOUNTABILITY_ACCEPTED"
    BREAK_GLASS = "BREAK_GLASS"
    TRANSCRIBED_FROM_PAPER = "TRANSCRIBED_FROM_PAPER"
    RESTORE_DRILL_PASSED = "RESTORE_DRILL_PASSED"


TWO_FACTOR: frozenset[Meaning] = frozenset(
    {
        Meaning.QP_PRELIM_CERTIFIED,
        Meaning.QP_FINAL_CERTIFIED,
        Meaning.QP_REFUSED,
        Meaning.CERT_WITHDRAWN,
        Meaning.RELEASE_ASSIGNED,
        Meaning.OOS_RISK_EVALUATED,
        Meaning.OOS_REQUESTED,
        Meaning.OOS_ACCEPTED,
        Meaning.MASTER_APPROVED,
        Meaning.CHANGE_APPROVED,
        Meaning.ACCESS_APPROVED,
        Meaning.BREAK_GLASS,
    }
)
"""Meanings that always take a password and a second factor, whatever was signed before in the session."""

LANGUAGE_NAMES: Mapping[str, str] = {"en": "English", "nl": "Nederlands", "fr": "Français", "es": "Español"}
LANGUAGES = tuple(LANGUAGE_NAMES)
"""Languages in which every meaning has its sentence."""


@cache
def texts(language: str) -> Mapping[Meaning, str]:
    """Return the sentence of every meaning in a language, English where the language is none of `LANGUAGES`."""
    known = language if language in LANGUAGES else "en"
    loaded = yaml.safe_load(files("mes.signatures").joinpath("texts", f"{known}.yaml").read_text(encoding="utf-8"))
    return {meaning: str(loaded[meaning.value]) for meaning in Meaning}


TEXTS: Mapping[Meaning, str] = texts("en")
"""The English sentences. What a signer saw, in whatever language, stands in the record word for word."""
