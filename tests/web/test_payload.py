"""Bodies become documents: strictly, within bounds, the same from a form as from JSON."""

import json

import pytest
from flask import Flask, Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from mes.errors import Refusal
from mes.web.payload import MAX_DEPTH, MAX_FIELDS, document_of, nested

NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
TEXTS = st.text(min_size=1, max_size=20)


def request_of(body: bytes, kind: str = "application/json") -> Request:
    """Return a request with a body."""
    with Flask(__name__).test_request_context("/", method="POST", data=body, content_type=kind) as context:
        context.request.get_data()
        return context.request


@pytest.mark.parametrize(
    ("fields", "document"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("a", "")], {}),
        ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a[]", "1")], {"a": ["1"]}),
        ([("a.b", "1"), ("a.c", "2")], {"a": {"b": "1", "c": "2"}}),
        ([("v.0.p", "x"), ("v.0.q", "y"), ("v.1.p", "z")], {"v": [{"p": "x", "q": "y"}, {"p": "z"}]}),
        ([("v.10.p", "b"), ("v.2.p", "a")], {"v": [{"p": "a"}, {"p": "b"}]}),
        ([("s.password", " x ")], {"s": {"password": " x "}}),
    ],
)
def test_a_form_becomes_a_document(fields: list[tuple[str, str]], document: dict[str, object]) -> None:
    assert nested(MultiDict(fields)) == document


@pytest.mark.parametrize(
    "fields",
    [
        [(f"f{place}", "x") for place in range(MAX_FIELDS + 1)],
        [(".".join("a" * (MAX_DEPTH + 1)), "x")],
        [("a", "x"), ("a.b", "y")],
    ],
    ids=["too many", "too deep", "text and document"],
)
def test_a_form_beyond_bounds_is_refused(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(Refusal, match="body-malformed"):
        nested(MultiDict(fields))


@given(st.dictionaries(NAMES, st.lists(st.dictionaries(NAMES, TEXTS, min_size=1), min_size=1, max_size=12), max_size=5))
def test_a_form_says_what_json_says(document: dict[str, list[dict[str, str]]]) -> None:
    form = MultiDict(
        (f"{name}.{place}.{inner}", text)
        for name, rows in document.items()
        for place, row in enumerate(rows)
        for inner, text in row.items()
    )
    assert nested(form) == document
    assert document_of(request_of(json.dumps(document).encode())) == document


@pytest.mark.parametrize("text", ["1.0", "1e3", "-0.5", "NaN", "Infinity", "[1, [2.5]]", '{"a": {"b": 1E2}}'])
def test_no_float_gets_in(text: str) -> None:
    with pytest.raises(Refusal, match="number-as-float"):
        document_of(request_of(text.encode()))


def test_whole_numbers_and_nothing_get_in() -> None:
    assert document_of(request_of(b'{"version": 1}')) == {"version": 1}
    assert document_of(request_of(b"")) == {}
