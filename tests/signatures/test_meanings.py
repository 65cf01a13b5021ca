"""The closed list of meanings, against the list as the regulation catalogue prints it."""

import pytest

from mes.signatures import TEXTS, TWO_FACTOR, Meaning

PRINTED = [
    "PERFORMED",
    "VERIFIED",
    "AUTO_CHECKED",
    "LINE_CLEARED",
    "RECEIVED_ACCEPTED",
    "RECEIVED_REJECTED",
    "LABEL_ISSUED",
    "LABEL_RECONCILED",
    "SAMPLED",
    "RESULT_ENTERED",
    "RESULT_REVIEWED",
    "CORRECTED",
    "LATE_ENTRY",
    "VOIDED",
    "ALARM_ASSESSED",
    "DEV_RAISED",
    "DEV_ASSESSED",
    "DEV_APPROVED",
    "INVESTIGATION_CLOSED",
    "MASTER_AUTHORED",
    "MASTER_REVIEWED",
    "MASTER_APPROVED",
    "MASTER_ISSUED",
    "PROD_REVIEWED",
    "QC_UNIT_APPROVED",
    "AUDIT_TRAIL_REVIEWED",
    "QA_REVIEWED",
    "QP_PRELIM_CERTIFIED",
    "QP_FINAL_CERTIFIED",
    "QP_REFUSED",
    "CERT_WITHDRAWN",
    "RELEASE_ASSIGNED",
    "REJECTED_DISPOSED",
    "OOS_RISK_EVALUATED",
    "OOS_REQUESTED",
    "OOS_ACCEPTED",
    "AUTHORITY_NOTIFIED",
    "HANDED_OVER",
    "TAKEN_OVER",
    "STORED",
    "RETRIEVED",
    "THAWED",
    "BEDSIDE_ID_1",
    "BEDSIDE_ID_2",
    "INFUSION_STARTED",
    "INFUSION_COMPLETED",
    "CHANGE_REQUESTED",
    "CHANGE_APPROVED",
    "CHANGE_IMPLEMENTED",
    "ACCESS_APPROVED",
    "IDENTITY_PROVED",
    "ACCOUNTABILITY_ACCEPTED",
    "BREAK_GLASS",
    "TRANSCRIBED_FROM_PAPER",
    "RESTORE_DRILL_PASSED",
]


def test_the_list_is_complete_and_closed() -> None:
    assert [meaning.value for meaning in Meaning] == PRINTED


@pytest.mark.rule("REG-P11-50")
def test_every_meaning_has_a_sentence_of_its_own() -> None:
    assert set(TEXTS) == set(Meaning)
    assert len(set(TEXTS.values())) == len(Meaning)
    assert all(text.endswith(".") and len(text) < 120 for text in TEXTS.values())


@pytest.mark.parametrize("meaning", Meaning)
def test_two_factors_exactly_where_the_catalogue_says(meaning: Meaning) -> None:
    always = meaning.value.startswith(("QP_", "OOS_")) or meaning.value in {
        "CERT_WITHDRAWN",
        "RELEASE_ASSIGNED",
        "MASTER_APPROVED",
        "CHANGE_APPROVED",
        "ACCESS_APPROVED",
        "BREAK_GLASS",
    }
    assert (meaning in TWO_FACTOR) is always
