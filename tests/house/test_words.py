"""What may stand in no file: paths of one machine, addresses of registries, open ends without an issue."""

import re

import pytest

from tests.house.tree import text_files

OWN = "tests/house/test_words.py"
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(work|root|Users|home/\w+)/"),
    "the address of a registry": re.compile(
        r"\b(pypi\.org|pythonhosted\.org|registry\.npmjs\.org|npmjs\.com|deb\.debian\.org|security\.debian\.org|unpkg\.com)\b"
    ),
    "an open end without an issue": re.compile(r"\b(TODO|FIXME)\b(?!\W{0,2}#\d+)"),
    "a word about its making": re.compile(
        r"co-authored-by|\b(generated|written) (by|with) (an?|the) (tool|model|assistant|agent)\b"
        r"|\b(as|was) (instructed|requested) (by|in) the (brief|prompt|task)\b",
        re.IGNORECASE,
    ),
    "a merge conflict": re.compile(r"^(<{7}|>{7}) ", re.MULTILINE),
    "a private key": re.compile(r"BEGIN (EC |RSA |OPENSSH )?PRIVATE KEY"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{path}: {match.group()!r}"
        for path, text in text_files()
        if path != OWN
        for match in FORBIDDEN[what].finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text", "caught"),
    [
        ("a path of one machine", "see /" + "work/main/x", True),
        ("a path of one machine", "see docs/work/x", False),
        ("an open end without an issue", "# TODO later", True),
        ("an open end without an issue", "# TODO #12 later", False),
        ("an open end without an issue", "# TODO (#12) later", False),
        ("a merge conflict", "<<<<<<< HEAD", True),
    ],
)
def test_the_patterns_bite(what: str, text: str, caught: bool) -> None:
    assert bool(FORBIDDEN[what].search(text)) is caught
