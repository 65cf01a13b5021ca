"""The three families carry a code and facts, and print as something an engineer can read."""

import pytest

from mes.errors import Fault, IntegrityBreach, Refusal


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (Refusal("batch-held", batch="B1", reason="door"), "batch-held (batch=B1, reason=door)"),
        (Refusal("own-account"), "own-account"),
        (Fault("ledger-unavailable", cause="disk full"), "ledger-unavailable (cause=disk full)"),
        (Fault("credential-unreadable"), "credential-unreadable"),
        (IntegrityBreach("leaf differs", index=3), "leaf differs"),
    ],
)
def test_an_error_prints_its_facts(error, printed):
    assert str(error) == printed


def test_a_refusal_answers_409_unless_it_says_otherwise():
    assert Refusal("a").status == 409
    assert Refusal("a", status=404, id="x").status == 404
    assert Refusal("a", status=404, id="x").facts == {"id": "x"}


def test_a_fault_and_a_breach_carry_their_evidence():
    assert Fault("ledger-unavailable", cause="disk").facts == {"cause": "disk"}
    breach = IntegrityBreach("leaf differs", index=3, stream="batch/B1", found="ab")
    assert (breach.index, breach.stream, breach.evidence) == (3, "batch/B1", {"found": "ab"})


def test_the_families_are_no_kin():
    for one in (Refusal, Fault, IntegrityBreach):
        assert [other for other in (Refusal, Fault, IntegrityBreach) if issubclass(one, other)] == [one]
