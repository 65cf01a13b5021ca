"""Claims are read from the tests' source as pytest would see them, outcomes from what pytest wrote."""

import pytest

from mes.errors import Refusal
from mes.validation.showings import Showing, outcomes, showings

SOURCE = """
import pytest
pytestmark = pytest.mark.rule("TE-10")

@pytest.mark.rule("REG-P11-70", "PRA-06")
@pytest.mark.rule("SEC-07", negative=True)
@pytest.mark.campaign
def test_one():
    pass

class TestTwo:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.rule("REL-02"))])
    def test_two(self, x):
        pass

def not_a_test():
    pass
"""
RESULTS = """<testsuites><testsuite>
<testcase classname="tests.a.test_x" name="test_one[sqlite]"/>
<testcase classname="tests.a.test_x" name="test_one[postgresql]"><failure message="no"/></testcase>
<testcase classname="tests.a.test_x.TestTwo" name="test_two"><skipped/></testcase>
</testsuite></testsuites>"""


def test_marks_of_function_module_and_parameter_are_read(tmp_path):
    folder = tmp_path / "tests" / "a"
    folder.mkdir(parents=True)
    (folder / "test_x.py").write_text(SOURCE)
    one, two = "tests.a.test_x::test_one", "tests.a.test_x.TestTwo::test_two"
    assert showings(tmp_path / "tests") == [
        Showing("TE-10", False, one, True),
        Showing("REG-P11-70", False, one, True),
        Showing("PRA-06", False, one, True),
        Showing("SEC-07", True, one, True),
        Showing("TE-10", False, two),
        Showing("REL-02", False, two),
    ]


def test_outcomes_of_all_parameters_are_kept(tmp_path):
    file = tmp_path / "results.xml"
    file.write_text(RESULTS)
    assert outcomes(file) == {
        "tests.a.test_x::test_one": ("passed", "failed"),
        "tests.a.test_x.TestTwo::test_two": ("skipped",),
    }


@pytest.mark.parametrize("text", ["<testsuites>", "", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_a_file_that_is_no_result_is_refused(tmp_path, text):
    file = tmp_path / "results.xml"
    file.write_text(text)
    with pytest.raises(Refusal, match="results-unreadable"):
        outcomes(file)
