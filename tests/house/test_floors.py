"""Who may import whom: the contracts of pyproject.toml, and those that no import graph shows."""

import ast
import sys
import tomllib

import pytest
from importlinter.cli import lint_imports

from tests.house.tree import ROOT, modules, syntax

DRAWERS = {"decide", "model", "events", "fold"}
OUTSIDE = {"sqlalchemy", "flask", "flask_smorest", "marshmallow", "asyncua", "psycopg", "gunicorn"}
OLDEST_VERIFIER = (3, 8)


def _imported(path: str) -> set[str]:
    """Return the full names of what a module imports anywhere in it."""
    names = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def _verifiers() -> list[str]:
    shipped = ("mes/records/bundle/verify.py", "mes/ledger/independent/verify_ledger.py")
    return [path for path in (*modules("mes/records/"), *modules("mes/ledger/")) if path in shipped]


def test_the_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert code == 0, capsys.readouterr().out


def test_the_contracts_are_there() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert sorted(one["type"] for one in stated) == ["forbidden", "forbidden", "layers", "protected"]


def test_rules_are_pure() -> None:
    impure = {}
    for path in modules("mes/"):
        parts = path.removesuffix(".py").split("/")
        if len(parts) > 2 and parts[2] in DRAWERS:
            found = {name.split(".")[0] for name in _imported(path)} & OUTSIDE
            if found:
                impure[path] = found
    assert impure == {}


def test_imports_are_absolute() -> None:
    assert [
        path for path in modules("mes/", "equipment_drivers/") if any(n.startswith(".") for n in _imported(path))
    ] == []


def test_there_is_one_offline_verifier_of_each_kind() -> None:
    assert len(_verifiers()) == 2


def test_the_offline_verifier_needs_python_alone() -> None:
    assert _verifiers(), "no verifier to look at"
    for path in _verifiers():
        text = (ROOT / path).read_text(encoding="utf-8")
        ast.parse(text, feature_version=OLDEST_VERIFIER)
        foreign = {name for name in _imported(path) if name.split(".")[0] not in sys.stdlib_module_names}
        assert foreign == set(), path
