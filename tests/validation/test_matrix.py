"""The matrix joins register, claims and outcomes, and says what is wrong with them."""

import pytest
from click.testing import CliRunner

from mes.cli import main
from mes.validation import Requirement, Showing, matrix, read_requirements
from mes.validation.demanded import demanded

REGISTER = {
    "REG-P11-70": Requirement("REG-P11-70", True, "high", "bind a signature to its record"),
    "PRA-06": Requirement("PRA-06", False, "medium", "facts are never refused"),
}
CLAIMS = [Showing("REG-P11-70", False, "t::works"), Showing("REG-P11-70", True, "t::refused")]


@pytest.mark.rule("REG-VAL-05")
def test_a_requirement_with_both_kinds_of_test_that_passed_is_shown():
    found = matrix(REGISTER, CLAIMS, {"t::works": ["passed", "passed"], "t::refused": ["passed"]})
    assert [(row.requirement.id, row.result, row.is_covered) for row in found.rows] == [
        ("REG-P11-70", "passed", True),
        ("PRA-06", "no test", False),
    ]
    assert found.problems(["REG-P11-70"]) == []


@pytest.mark.rule("REG-VAL-05", negative=True)
@pytest.mark.parametrize(
    ("claims", "outcomes", "told"),
    [
        (CLAIMS[:1], {}, "REG-P11-70: no negative test shows it"),
        (CLAIMS[1:], {}, "REG-P11-70: no test shows it"),
        (CLAIMS, {"t::works": ["passed", "failed"]}, "REG-P11-70: a test failed"),
        (CLAIMS, {"t::works": ["skipped"]}, "REG-P11-70: a test was skipped"),
        ([*CLAIMS, Showing("REG-P11-7O", False, "t::typo")], {}, "t::typo claims REG-P11-7O, which is in no register"),
    ],
)
def test_every_gap_is_told(claims, outcomes, told):
    assert told in matrix(REGISTER, claims, outcomes).problems(["REG-P11-70"])


def test_a_test_of_the_long_campaign_counts_where_it_ran():
    claims = [*CLAIMS, Showing("REG-P11-70", True, "t::long", campaign=True)]
    ended = {"t::works": ["passed"], "t::refused": ["passed"]}
    assert matrix(REGISTER, claims, ended).rows[0].result == "passed"
    assert matrix(REGISTER, claims, {**ended, "t::long": ["failed"]}).rows[0].result == "failed"
    assert matrix(REGISTER, claims[2:], ended).rows[0].result == "not run"


def test_what_did_not_run_does_not_count_as_passed():
    found = matrix(REGISTER, CLAIMS, {"t::works": ["passed"]})
    assert found.rows[0].result == "not run"


@pytest.mark.rule("REG-A11-01")
def test_every_requirement_has_a_risk_class_and_a_text():
    register = read_requirements()
    assert len(register) > 300
    assert {one.risk for one in register.values()} == {"high", "medium"}
    assert all(one.text for one in register.values())
    assert all(one.risk == "high" for one in register.values() if one.essential)


def test_what_must_be_shown_is_the_essential_part_of_four_families():
    wanted = demanded(read_requirements())
    assert {"REG-P11-10a", "REG-A11-06", "REG-A11D-12-8", "REG-DI-05"} <= set(wanted)
    assert "REG-P11-10k" not in wanted
    assert len(wanted) > 35


@pytest.mark.parametrize("form", ["text", "csv", "json"])
def test_the_command_prints_the_table_and_fails_on_an_unknown_id(tmp_path, form):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_a.py").write_text("@pytest.mark.rule('REG-NO-SUCH')\ndef test_it(): pass\n")
    told = CliRunner().invoke(main, ["validation", "matrix", "--tests", str(tests), "--results", "-", "--format", form])
    assert told.exit_code == 1
    assert "REG-P11-70" in told.stdout
    assert "tests.test_a::test_it claims REG-NO-SUCH, which is in no register" in told.stderr
