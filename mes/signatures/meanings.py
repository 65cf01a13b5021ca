"""What a signature can mean: a closed list, the sentence shown and printed for each, and which need two factors.

Source: regulation catalogue, section D. A meaning is never changed or taken away, only added.
"""

from collections.abc import Mapping
from enum import StrEnum


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

TEXTS: Mapping[Meaning, str] = {
    Meaning.PERFORMED: "I performed this step as recorded.",
    Meaning.VERIFIED: "I witnessed or independently checked this step.",
    Meaning.AUTO_CHECKED: "I checked this step, which automated equipment performed.",
    Meaning.LINE_CLEARED: "I checked that the line is clear of anything that does not belong to this batch.",
    Meaning.RECEIVED_ACCEPTED: "I received this material or product, checked it and accept it.",
    Meaning.RECEIVED_REJECTED: "I received this material or product, checked it and reject it.",
    Meaning.LABEL_ISSUED: "I issued these labels.",
    Meaning.LABEL_RECONCILED: "I reconciled the labels issued with those used, spoiled and returned.",
    Meaning.SAMPLED: "I took this sample as recorded.",
    Meaning.RESULT_ENTERED: "I obtained this result and entered it.",
    Meaning.RESULT_REVIEWED: "I reviewed this result and the data behind it.",
    Meaning.CORRECTED: "I corrected this entry for the reason given; the earlier value remains readable.",
    Meaning.LATE_ENTRY: "I entered this later than it happened, for the reason given.",
    Meaning.VOIDED: "I declare this entry void for the reason given; it remains readable.",
    Meaning.ALARM_ASSESSED: "I assessed this alarm and its effect on the batch.",
    Meaning.DEV_RAISED: "I report this deviation.",
    Meaning.DEV_ASSESSED: "I assessed this deviation and its effect on the product.",
    Meaning.DEV_APPROVED: "I approve the assessment of this deviation and its closure.",
    Meaning.INVESTIGATION_CLOSED: "I close this investigation with the conclusion recorded.",
    Meaning.MASTER_AUTHORED: "I wrote this version of the master batch record.",
    Meaning.MASTER_REVIEWED: "I reviewed this version of the master batch record.",
    Meaning.MASTER_APPROVED: "I approve this version of the master batch record for use.",
    Meaning.MASTER_ISSUED: "I issued this copy for the batch and checked that it reproduces the approved master.",
    Meaning.PROD_REVIEWED: "I reviewed the batch record for production.",
    Meaning.QC_UNIT_APPROVED: "I approve the batch record and its results for the quality control unit.",
    Meaning.AUDIT_TRAIL_REVIEWED: "I reviewed the audit trail of this batch and took no part in the batch.",
    Meaning.QA_REVIEWED: "I reviewed the batch record for quality assurance.",
    Meaning.QP_PRELIM_CERTIFIED: (
        "I certify, on the results available so far, that this batch meets its requirements (first stage)."
    ),
    Meaning.QP_FINAL_CERTIFIED: "I certify that this batch meets the requirements of its authorisation and of GMP.",
    Meaning.QP_REFUSED: "I refuse to certify this batch, for the reason given.",
    Meaning.CERT_WITHDRAWN: "I withdraw the certification of this batch, for the reason given.",
    Meaning.RELEASE_ASSIGNED: "I release this certified batch for shipment and use in its own patient.",
    Meaning.REJECTED_DISPOSED: "I reject this product; it is destroyed or returned as recorded.",
    Meaning.OOS_RISK_EVALUATED: "I evaluated the risks of supplying this out-of-specification product.",
    Meaning.OOS_REQUESTED: "As treating physician I request this product although it is out of specification.",
    Meaning.OOS_ACCEPTED: "As treating physician I accept this out-of-specification product and the evaluated risks.",
    Meaning.AUTHORITY_NOTIFIED: "I notified the competent authority as recorded.",
    Meaning.HANDED_OVER: "I handed this over as recorded.",
    Meaning.TAKEN_OVER: "I took this over as recorded and am responsible for it from now on.",
    Meaning.STORED: "I stored this at the place recorded.",
    Meaning.RETRIEVED: "I retrieved this from the place recorded.",
    Meaning.THAWED: "I thawed this product as recorded.",
    Meaning.BEDSIDE_ID_1: "I identified the patient and the product at the bedside (first person).",
    Meaning.BEDSIDE_ID_2: "I identified the patient and the product at the bedside, independently (second person).",
    Meaning.INFUSION_STARTED: "I started the infusion.",
    Meaning.INFUSION_COMPLETED: "I completed or ended the infusion as recorded.",
    Meaning.CHANGE_REQUESTED: "I request this change.",
    Meaning.CHANGE_APPROVED: "I approve this change.",
    Meaning.CHANGE_IMPLEMENTED: "I made this change as approved.",
    Meaning.ACCESS_APPROVED: "I approve that this person gets this access.",
    Meaning.IDENTITY_PROVED: "I checked the identity of this person by the proof recorded.",
    Meaning.ACCOUNTABILITY_ACCEPTED: (
        "I accept that my electronic signature binds me as my handwritten signature does, and keep it to myself."
    ),
    Meaning.BREAK_GLASS: "I continue without the second person, to keep a running patient process safe.",
    Meaning.TRANSCRIBED_FROM_PAPER: "I transcribed this from the paper record, which is kept.",
    Meaning.RESTORE_DRILL_PASSED: "I restored the record from backup and found it complete and unaltered.",
}
"""The English sentence that the signer sees and that stands in the record, word for word."""
