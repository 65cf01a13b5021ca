"""Which tests claim to show which requirement, read from their source; and how they ended, from a JUnit file.

A test claims by `@pytest.mark.rule("REG-…")`, or with `negative=True` where something is refused or found.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, XMLParser, parse

from mes.errors import Refusal

MAX_RESULTS_BYTES = 50_000_000
_LABELLED = re.compile(r"\[.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Showing:
    """One test that claims to show a requirement; `test` is `tests.room.test_file::test_name`."""

    requirement: str
    negative: bool
    test: str
    campaign: bool = False
    """Whether it runs in `make campaign` alone, so that a plain run says nothing of it."""


def showings(tests: Path) -> list[Showing]:
    """Return every claim in the test sources under `tests`; a mark on a class or module counts for each test in it."""
    found = []
    for path in sorted(tests.rglob("test_*.py")):
        module = ".".join(path.relative_to(tests.parent).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += list(_in_body(tree.body, module, _module_marks(tree)))
    return found


def outcomes(results: Path) -> Mapping[str, tuple[str, ...]]:
    """Return how each test ended, once per set of parameters; refuses `results-unreadable`."""
    found: dict[str, tuple[str, ...]] = {}
    for case in _cases(results):
        name = f"{case.get('classname', '')}::{_LABELLED.sub('', case.get('name', ''))}"
        ended = {child.tag for child in case}
        outcome = "failed" if ended & {"failure", "error"} else "skipped" if "skipped" in ended else "passed"
        found[name] = (*found.get(name, ()), outcome)
    return found


def _cases(results: Path) -> Iterator[Element]:
    # A results file is made here, but it is read as what it is: XML from a file. A document type is refused,
    # because entities are declared in one.
    text = results.read_bytes()
    if len(text) > MAX_RESULTS_BYTES or b"<!DOCTYPE" in text[:4096]:
        raise Refusal("results-unreadable", status=422, path=str(results))
    try:
        yield from parse(results, XMLParser()).iter("testcase")  # noqa: S314  no document type, so no entities
    except ParseError as error:
        raise Refusal("results-unreadable", status=422, path=str(results)) from error


def _in_body(body: list[ast.stmt], where: str, around: list[tuple[str, bool]]) -> Iterator[Showing]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _in_body(node.body, f"{where}.{node.name}", [*around, *_marks(node.decorator_list)])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            long = any(_is_campaign(one) for one in node.decorator_list)
            for ident, negative in [*around, *_marks(node.decorator_list)]:
                yield Showing(ident, negative, f"{where}::{node.name}", long)


def _module_marks(tree: ast.Module) -> list[tuple[str, bool]]:
    for node in tree.body:
        named = isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        )
        if named and isinstance(node, ast.Assign):
            value = node.value
            return _marks(value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
    return []


def _marks(decorators: list[ast.expr]) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    for node in decorators:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "rule":
                negative = any(word.arg == "negative" and _is_true(word.value) for word in call.keywords)
                words = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
                found += [(word, negative) for word in words if isinstance(word, str)]
    return found


def _is_campaign(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "campaign"


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
