"""RFC 8785 and the rules of the record's form: what may stand in an entry, and how it is written."""

import json
import unicodedata
from base64 import b64decode
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.ledger.canonical import MAX_ENTRY_BYTES, canonical, checked, checked_size, is_decimal
from tests.ledger.vectors import vectors

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True).filter(lambda key: key not in ("value", "unit"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: unicodedata.normalize("NFC", text))
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


@pytest.mark.parametrize("vector", vectors("jcs_rfc8785.json")["vectors"], ids=lambda vector: vector["name"])
def test_the_reference_implementation_passes_the_public_vectors(vector: dict[str, str]) -> None:
    """What `canonical` is compared with below is itself compared with the standard here."""
    assert rfc8785.dumps(json.loads(b64decode(vector["input_b64"]))) == b64decode(vector["output_b64"])


@pytest.mark.parametrize("vector", vectors("jcs_rfc8785.json")["vectors"], ids=lambda vector: vector["name"])
def test_strings_of_the_public_vectors_are_escaped_alike(vector: dict[str, str]) -> None:
    def strings(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for pair in value.items() for item in pair for text in strings(item)]
        if isinstance(value, list):
            return [text for item in value for text in strings(item)]
        return [unicodedata.normalize("NFC", value)] if isinstance(value, str) else []

    found = strings(json.loads(b64decode(vector["input_b64"])))
    assert canonical(found) == rfc8785.dumps(found)


@given(DOCUMENTS)
def test_canonical_equals_the_reference_within_the_rules(document: Any) -> None:
    body = canonical(document)
    assert body == rfc8785.dumps(document)
    assert canonical(json.loads(body)) == body


class Printed(StrEnum):
    HELD = "held"


class Numbered(IntEnum):
    TWO = 2


def test_enums_and_tuples_become_plain() -> None:
    plain = checked({"state": Printed.HELD, "n": Numbered.TWO, "of": ({"a": True},)})
    assert plain == {"state": "held", "n": 2, "of": [{"a": True}]}
    assert [type(each) for each in plain.values()] == [str, int, list]


def nested(depth: int) -> Any:
    return {} if depth == 1 else {"a": nested(depth - 1)}


@pytest.mark.parametrize(
    ("document", "rule", "where"),
    [
        ({"a": 1.5}, "float", "a"),
        ({"a": float("nan")}, "float", "a"),
        ({"a": [1, {"b": 2.0}]}, "float", "a[1].b"),
        ({"a": 2**53}, "integer-range", "a"),
        ({"a": -(2**53)}, "integer-range", "a"),
        ({"A": 1}, "key", "entry"),
        ({"a": {"1b": 1}}, "key", "a"),
        ({"a": {"x" * 41: 1}}, "key", "a"),
        ({"a": {"": 1}}, "key", "a"),
        ({"a": {7: 1}}, "key", "a"),
        ({"a": {"é": 1}}, "key", "a"),
        ({"authenticatorData": "x"}, "key", "entry"),
        ({"a": "e\u0301"}, "text-nfc", "a"),
        ({"a": "\ud800"}, "text-surrogate", "a"),
        ({"a": {"value": "1e5", "unit": "Cel"}}, "decimal", "a.value"),
        ({"a": {"value": "-0.0", "unit": "Cel"}}, "decimal", "a.value"),
        ({"a": {"value": 37, "unit": "Cel"}}, "decimal", "a.value"),
        ({"a": {"value": "37.1", "unit": "degC"}}, "unit", "a.unit"),
        (nested(17), "depth", "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name_and_path(document: Any, rule: str, where: str) -> None:
    with pytest.raises(Refusal) as refused:
        canonical(document)
    assert refused.value.code == "entry-malformed"
    assert refused.value.status == 422
    assert (refused.value.facts["rule"], refused.value.facts["where"]) == (rule, where)


@pytest.mark.parametrize(
    "document",
    [
        {"a": 2**53 - 1},
        {"a": {"value": "37.10", "unit": "Cel"}},
        {"a": {"value": "anything", "unit": "furlong", "label": "three keys are no quantity"}},
        {"signature": {"assertion": {"authenticatorData": "x", "clientDataJSON": "y"}}},
        {"a": "Zoë, 37 °C, 🧬"},
        nested(16),
    ],
)
def test_what_keeps_the_rules_is_written(document: Any) -> None:
    assert json.loads(canonical(document)) == document


@pytest.mark.parametrize("value", [Decimal("1"), b"x", {1, 2}, object()])
def test_what_is_no_json_is_a_mistake_in_the_program(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical({"a": value})


def test_an_entry_has_at_most_64_kib() -> None:
    assert checked_size(b"x" * MAX_ENTRY_BYTES)
    with pytest.raises(Refusal, match="entry-too-large"):
        checked_size(b"x" * (MAX_ENTRY_BYTES + 1))


@pytest.mark.parametrize(
    ("text", "legal"),
    [
        ("0", True), ("-1", True), ("37.10", True), ("0.000000000001", True), ("-0.5", True), ("1" + "0" * 17, True),
        ("-0", False), ("-0.00", False), ("01", False), ("1.", False), (".5", False), ("1,5", False), ("1e5", False),
        ("NaN", False), ("+1", False), ("", False), (" 1", False), ("1\n", False), ("1" + "0" * 18, False),
        ("0.0000000000001", False), ("١", False),
    ],
)  # fmt: skip
def test_a_decimal_is_plain_digits(text: str, legal: bool) -> None:
    assert is_decimal(text) is legal
