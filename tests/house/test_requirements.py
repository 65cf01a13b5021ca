"""Every requirement that a test claims to show is one that somebody asks for."""

from mes.validation import matrix, read_requirements
from mes.validation.showings import showings
from tests.house.tree import ROOT


def test_no_test_claims_a_requirement_that_nobody_asks_for() -> None:
    assert matrix(read_requirements(), showings(ROOT / "tests")).unknown == ()
