"""Every module says what it answers, every function what it returns, and every broad except why."""

import ast

from tests.house.tree import SOURCES, functions, modules, syntax

BROAD_EXCEPTS: dict[str, str] = {
    # "path::function": the supervised loop that must outlive any error of one round, and what it does with it.
    "mes/equipment/collector.py::_supervise": "a driver that crashed is told and started anew; the other devices go on",
    "mes/records/bundle/verify.py::run": "a bundle broken in an unforeseen way is NOT OK; the next check runs",
}
BROADEST = 3
BROAD = {"Exception", "BaseException"}


def _names(expression: ast.expr | None) -> set[str]:
    if expression is None:
        return {"BaseException"}
    parts = expression.elts if isinstance(expression, ast.Tuple) else [expression]
    return {
        part.id if isinstance(part, ast.Name) else part.attr
        for part in parts
        if isinstance(part, ast.Name | ast.Attribute)
    }


def _broad(node: ast.AST) -> bool:
    """Whether this swallows any error. Cleaning up and raising again swallows nothing."""
    if isinstance(node, ast.ExceptHandler):
        last = node.body[-1]
        raises_again = isinstance(last, ast.Raise) and last.exc is None
        return bool(_names(node.type) & BROAD) and not raises_again
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name == "suppress" and any(_names(one) & BROAD for one in node.args)
    return False


def test_every_module_has_a_docstring() -> None:
    silent = [path for path in modules(*SOURCES, "bench/", "tools/", "tests/") if not ast.get_docstring(syntax(path))]
    assert silent == []


def test_module_docstrings_are_short() -> None:
    long = [path for path in modules(*SOURCES) if len((ast.get_docstring(syntax(path)) or "").splitlines()) > 8]
    assert long == []


def test_every_function_states_what_it_returns() -> None:
    assert [
        f"{path}:{one.lineno} {one.name}"
        for path in modules(*SOURCES, "bench/", "tools/")
        for one in functions(path)
        if one.returns is None
    ] == []


def test_broad_excepts_are_few_and_have_a_reason() -> None:
    found = {
        f"{path}::{one.name}"
        for path in modules(*SOURCES)
        for one in functions(path)
        for node in ast.walk(one)
        if _broad(node)
    }
    assert found == set(BROAD_EXCEPTS)
    assert len(found) <= BROADEST
    assert all(len(reason.split()) > 5 for reason in BROAD_EXCEPTS.values())


def test_broad_excepts_are_recognised() -> None:
    table = {
        "try:\n  a\nexcept:\n  b": True,
        "try:\n  a\nexcept Exception:\n  b": True,
        "try:\n  a\nexcept (OSError, BaseException) as e:\n  b": True,
        "with contextlib.suppress(Exception):\n  a": True,
        "try:\n  a\nexcept BaseException:\n  b\n  raise": False,
        "try:\n  a\nexcept (OSError, ValueError):\n  b": False,
        "with suppress(KeyError):\n  a": False,
    }
    assert {code: any(map(_broad, ast.walk(ast.parse(code)))) for code in table} == table
