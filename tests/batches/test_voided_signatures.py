"""Partial validity: a correction voids exactly what rests on the corrected value, directly or not."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.batches.decide.corrections import Place, SignedEntry, falling_text, voided_signatures

STREAM = "batch/B1"
MOST = 14


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[Place, SignedEntry], Place]:
    """Draw entries of which some are signed; each signer saw earlier ones. Return them and what is corrected."""
    count = draw(st.integers(1, MOST))
    signed = {}
    for seq in range(count):
        if draw(st.booleans()):
            saw = draw(st.frozensets(st.integers(0, max(seq - 1, 0)), max_size=4)) if seq else frozenset()
            place = (STREAM, seq)
            signed[place] = SignedEntry(seq * 3 + 7, place, frozenset((STREAM, one) for one in saw))
    return signed, (STREAM, draw(st.integers(0, count - 1)))


def rests_on(signed: dict[Place, SignedEntry], place: Place, corrected: Place) -> bool:
    """Say, by walking back from one signature, whether it rests on the corrected entry: the oracle."""
    return any(
        seen == corrected or (seen in signed and rests_on(signed, seen, corrected)) for seen in signed[place].saw
    )  # fmt: skip


@pytest.mark.rule("REG-P11-70", "REG-ATMP-04")
@given(histories())
@settings(max_examples=400, deadline=None)
def test_what_falls_is_what_rests_on_the_corrected_value(drawn: tuple[dict[Place, SignedEntry], Place]) -> None:
    signed, corrected = drawn
    fallen = {index for index, _ in voided_signatures(signed, corrected)}
    assert fallen == {
        entry.index for place, entry in signed.items() if place != corrected and rests_on(signed, place, corrected)
    }


@pytest.mark.rule("REG-P11-70", negative=True)
@given(histories())
@settings(max_examples=200, deadline=None)
def test_every_fall_names_a_cause_that_leads_to_the_correction(drawn: tuple[dict[Place, SignedEntry], Place]) -> None:
    signed, corrected = drawn
    found = voided_signatures(signed, corrected)
    causes, by_index = dict(found), {entry.index: entry for entry in signed.values()}
    for first, _ in found:
        index, walked = first, 0
        while (cause := causes[index]) is not None:
            assert cause in by_index[index].saw
            index, walked = signed[cause].index, walked + 1
            assert walked <= len(found)
        assert corrected in by_index[index].saw
    assert all(one < other for (one, _), (other, _) in pairwise(found))


@given(histories())
@settings(max_examples=100, deadline=None)
def test_who_saw_nothing_of_it_keeps_their_signature(drawn: tuple[dict[Place, SignedEntry], Place]) -> None:
    signed, corrected = drawn
    fallen = {index for index, _ in voided_signatures(signed, corrected)}
    assert not {one.index for one in signed.values() if not one.saw} & fallen
    assert signed.get(corrected) is None or signed[corrected].index not in fallen


@pytest.mark.parametrize(
    ("offset", "data", "told"),
    [
        ("+01:00", {"step": "S1"}, "verified by Viktor Peeters, 2026-11-01 09:00 +01:00, S1"),
        ("-04:30", {"kind": "qa"}, "verified by Viktor Peeters, 2026-11-01 03:30 -04:30, qa"),
        ("+00:00", {}, "verified by Viktor Peeters, 2026-11-01 08:00 +00:00, the batch"),
        ("+05:45", {"item": "viability"}, "verified by Viktor Peeters, 2026-11-01 13:45 +05:45, viability"),
    ],
)
def test_a_signature_that_falls_is_told_by_person_meaning_time_and_step(offset: str, data: dict, told: str) -> None:
    signature = {
        "meaning": "VERIFIED", "person": {"name": "Viktor Peeters"}, "at": "2026-11-01T08:00:00.000000Z",
        "utc_offset": offset,
    }  # fmt: skip
    assert falling_text({"signature": signature, "data": data}) == told
