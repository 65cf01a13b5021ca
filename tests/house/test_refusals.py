"""Every no that a person can meet has a sentence with the next action, and its facts fill that sentence in."""

import ast
import re

import pytest

from tests.house.codes import CATALOGUE, PLACEHOLDER, Raise, driver_codes, raised, raises_in, sentences

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def english() -> dict[str, str]:
    path = CATALOGUE / "en.yaml"
    return sentences(path) if path.exists() else {}


def test_every_code_has_a_sentence() -> None:
    wanted = {one.code: one.where for one in raised() if one.code} | driver_codes()
    assert {code: where for code, where in sorted(wanted.items()) if code not in english()} == {}


def test_every_code_can_be_read_in_the_source() -> None:
    assert {one.where for one in raised() if one.code is None} == set()


def test_every_code_is_stable_kebab() -> None:
    assert [one for one in raised() if one.code and not CODE.fullmatch(one.code)] == []


def test_every_sentence_says_what_next() -> None:
    codes = {one.code for one in raised() if one.code} | set(driver_codes())
    without = [
        code for code, text in english().items() if code in codes and len(re.findall(r"[.!?](?=\s|$)", text)) < 2
    ]
    assert without == []


def test_every_placeholder_is_a_fact_of_every_raise() -> None:
    texts = english()
    unfilled = {
        (one.where, name)
        for one in raised()
        if one.code in texts and one.facts is not None
        for name in PLACEHOLDER.findall(texts[one.code])
        if name not in one.facts
    }
    assert unfilled == set()


@pytest.mark.parametrize("language", ["nl", "fr", "es"])
def test_another_language_has_the_same_sentences(language: str) -> None:
    path = CATALOGUE / f"{language}.yaml"
    if not path.exists():
        pytest.skip(f"{language} is not translated yet")
    theirs = sentences(path)
    assert set(theirs) == set(english())
    assert {
        code for code in theirs if set(PLACEHOLDER.findall(theirs[code])) != set(PLACEHOLDER.findall(english()[code]))
    } == set()


def test_raises_are_recognised() -> None:
    code = "raise Refusal('a-b', status=422, given=x)\nraise errors.Fault('c' if y else 'd', **facts)\nraise Refusal(z)"
    assert list(raises_in(ast.parse(code), "p")) == [
        Raise("p:1", "a-b", frozenset({"given"})),
        Raise("p:2", "c", None),
        Raise("p:2", "d", None),
        Raise("p:3", None, frozenset()),
    ]
