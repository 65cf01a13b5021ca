"""Every requirement that a test claims is one that somebody asks for, and the essential ones are shown twice."""

import pytest

from mes.validation import matrix, read_requirements
from mes.validation.demanded import demanded
from mes.validation.showings import showings
from tests.house.tree import ROOT


def test_no_test_claims_a_requirement_that_nobody_asks_for() -> None:
    assert matrix(read_requirements(), showings(ROOT / "tests")).unknown == ()


@pytest.mark.rule("REG-VAL-05", "REG-A11D-06")
def test_every_essential_row_of_the_four_families_is_shown_by_what_works_and_by_what_is_refused() -> None:
    register = read_requirements()
    assert matrix(register, showings(ROOT / "tests")).problems(demanded(register)) == []
