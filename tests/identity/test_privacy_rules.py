"""When a patient may be forgotten and content removed: tables of cases, and what the answers amount to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.identity import decide
from mes.identity.events import ErasureRefused, ErasureRequested, PatientForgotten, PatientRestricted
from mes.identity.fold import fold_standing
from mes.identity.model import LEFT_WHEN_RESTRICTED, ErasureGround, PatientStanding, Purpose, RemovalGround
from mes.ids import PersonId

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)
ASKED = PatientStanding("P-1", ErasureGround.ASKED)


def code_of(call, *given_: object) -> str | None:
    try:
        call(*given_)
    except Refusal as refused:
        return refused.code
    return None


@pytest.mark.rule("REG-PRV-02")
@pytest.mark.parametrize("kept", [None, EARLIER, NOW])
def test_without_retention_a_request_waits_for_a_second_person(kept: datetime | None) -> None:
    made = decide.answer_erasure("PT-1", PatientStanding(), "request of the patient", kept, NOW)
    assert made == (ErasureRequested("PT-1", "request of the patient"),)


@pytest.mark.rule("REG-PRV-02", negative=True)
@pytest.mark.parametrize("ground", list(ErasureGround))
def test_within_retention_it_is_refused_and_restricted(ground: ErasureGround) -> None:
    asked, refused, restricted = decide.answer_erasure("PT-1", PatientStanding(), ground, LATER, NOW)
    assert asked == ErasureRequested("PT-1", ground)
    assert isinstance(refused, ErasureRefused)
    assert refused.until == LATER
    assert "17(3)" in refused.basis
    assert restricted == PatientRestricted("PT-1")
    again = decide.answer_erasure("PT-1", PatientStanding(restricted=True), ground, LATER, NOW)
    assert [type(one) for one in again] == [ErasureRequested, ErasureRefused]


@pytest.mark.parametrize(
    ("standing", "ground", "code"),
    [
        (PatientStanding(), "because", "choice-unknown"),
        (PatientStanding(forgotten=True), "request of the patient", "patient-forgotten"),
        (ASKED, "request of the patient", "erasure-asked"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(standing: PatientStanding, ground: str, code: str) -> None:
    assert code_of(decide.answer_erasure, "PT-1", standing, ground, None, NOW) == code


@pytest.mark.rule("SEC-54")
def test_a_second_person_forgets() -> None:
    assert decide.forget("PT-1", ASKED, "P-2", EARLIER, NOW) == PatientForgotten(
        "PT-1", "request of the patient", PersonId("P-1")
    )


@pytest.mark.rule("SEC-54", "REG-DI-08", negative=True)
@pytest.mark.parametrize(
    ("standing", "by", "kept", "code"),
    [
        (ASKED, "P-1", None, "erasure-same-person"),
        (ASKED, "P-2", LATER, "erasure-retained"),
        (PatientStanding(), "P-2", None, "erasure-not-asked"),
        (PatientStanding(forgotten=True), "P-2", None, "patient-forgotten"),
    ],
)
def test_nobody_forgets_alone_or_too_early(
    standing: PatientStanding, by: str, kept: datetime | None, code: str
) -> None:
    assert code_of(decide.forget, "PT-1", standing, by, kept, NOW) == code


@pytest.mark.rule("REG-PRV-02")
@pytest.mark.rule("REG-PRV-02", negative=True)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_restricted_patient_is_revealed_for_their_safety_alone(purpose: Purpose) -> None:
    wanted = None if purpose in LEFT_WHEN_RESTRICTED else "patient-restricted"
    assert code_of(decide.check_reveal, "PT-1", PatientStanding(restricted=True), purpose) == wanted
    assert code_of(decide.check_reveal, "PT-1", PatientStanding(), purpose) is None
    assert code_of(decide.check_reveal, "PT-1", PatientStanding(forgotten=True), purpose) == "patient-forgotten"


@pytest.mark.rule("REG-DI-08")
@pytest.mark.rule("REG-DI-08", negative=True)
@pytest.mark.parametrize(
    ("ground", "kept", "code"),
    [
        (RemovalGround.ERASURE, LATER, "content-retained"), (RemovalGround.ENDED, LATER, "content-retained"),
        (RemovalGround.IDENTITY, LATER, None), (RemovalGround.WRONG_PATIENT, LATER, None),
        (RemovalGround.ERASURE, EARLIER, None), (RemovalGround.ENDED, None, None),
        ("tidying up", None, "choice-unknown"),
    ],
)  # fmt: skip
def test_content_goes_on_a_ground_that_counts_now(ground: str, kept: datetime | None, code: str | None) -> None:
    assert code_of(decide.check_removal, ground, kept, NOW) == code


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (datetime(2024, 2, 29, 1, tzinfo=UTC), datetime(2054, 3, 1, 1, tzinfo=UTC)),
        (datetime(2026, 11, 22, tzinfo=UTC), datetime(2056, 11, 22, tzinfo=UTC)),
    ],
)
@pytest.mark.rule("REG-ATMP-06")
def test_thirty_years_are_whole_years(moment: datetime, end: datetime) -> None:
    assert decide._later(moment) == end


EVENTS = st.sampled_from([
    ErasureRequested("PT-1", "request of the patient"), ErasureRefused("PT-1", "law", LATER), PatientRestricted("PT-1"),
    PatientForgotten("PT-1", "request of the patient", PersonId("P-1")), None,
])  # fmt: skip


@given(st.lists(st.tuples(EVENTS, st.sampled_from(["P-1", "P-2"])), max_size=12), st.sampled_from(["P-1", "P-2"]))
def test_whatever_happened_nobody_is_forgotten_twice_or_by_one(told, by) -> None:
    standing = fold_standing(told)
    if code_of(decide.forget, "PT-1", standing, by, None, NOW) is None:
        assert standing.requester not in (None, by)
        assert not standing.forgotten
        event = decide.forget("PT-1", standing, by, None, NOW)
        after = fold_standing([*told, (event, by)])
        assert after.forgotten
        assert code_of(decide.forget, "PT-1", after, "P-3", None, NOW) == "patient-forgotten"
