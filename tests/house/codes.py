"""Finds the stable codes that the source raises, and the sentences that the catalogue holds for them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tests.house.tree import ROOT, SOURCES, modules, syntax

CATALOGUE = ROOT / "mes/web/catalogue"
RAISED = {"Refusal", "Fault"}
PLACEHOLDER = re.compile(r"\{(\w+)")
NOT_A_FACT = {"status"}
COMPUTED = {
    # where a code is not a literal: the function that returns it, or the table that holds it
    "mes/batches/decide/steps.py": ("mes/batches/decide/acts.py", "missing_act"),
    "mes/signatures/service.py": ("mes/signatures/service.py", "_REFUSALS"),
}


@dataclass(frozen=True)
class Raise:
    """One place that raises: its code (None where it is computed), its facts (None where they are unpacked)."""

    where: str
    code: str | None
    facts: frozenset[str] | None


def _codes(argument: ast.expr | None) -> list[str | None]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return [argument.value]
    if isinstance(argument, ast.IfExp):
        return [*_codes(argument.body), *_codes(argument.orelse)]
    return [None]


def raises_in(tree: ast.Module, path: str) -> Iterator[Raise]:
    """Yield every `Refusal(...)` and `Fault(...)` of a module; an either-or code counts as two."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in RAISED:
            continue
        named = {keyword.arg for keyword in node.keywords}
        facts = None if None in named else frozenset(str(one) for one in named) - NOT_A_FACT
        for code in _codes(node.args[0] if node.args else None):
            yield Raise(f"{path}:{node.lineno}", code, facts)


def driver_codes() -> dict[str, str]:
    """Return the codes that the drivers' own faults carry as class attribute, and where."""
    found = {}
    for path in modules("equipment_drivers/"):
        for node in ast.walk(syntax(path)):
            if not (
                isinstance(node, ast.ClassDef)
                and any("Fault" in ast.unparse(base) or ast.unparse(base) == "Exception" for base in node.bases)
            ):
                continue
            for line in node.body:
                if isinstance(line, ast.Assign | ast.AnnAssign) and isinstance(line.value, ast.Constant):
                    target = line.targets[0] if isinstance(line, ast.Assign) else line.target
                    if ast.unparse(target) == "code":
                        found[str(line.value.value)] = f"{path}:{line.lineno}"
    return found


def codes_of(path: str, name: str) -> set[str]:
    """Return the codes that a function returns, or that the values of a module's table hold."""
    for node in syntax(path).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
            return {code for one in returned for code in _codes(one) if code}
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == name:
                return {code for one in node.value.values for code in _codes(one) if code}
    return set()


def raised() -> list[Raise]:
    """Return every place in the source that raises a Refusal or a Fault; a known computed code counts as each."""
    found = []
    for path in modules(*SOURCES):
        for one in raises_in(syntax(path), path):
            known = codes_of(*COMPUTED[path]) if one.code is None and path in COMPUTED else set()
            found += [replace(one, code=code) for code in sorted(known)] or [one]
    return found


def sentences(path: Path) -> dict[str, str]:
    """Return code -> text of a catalogue file; sections are flattened, `text` and `next` of an item are joined."""

    def flat(document: Any) -> Iterator[tuple[str, str]]:
        for key, value in (document or {}).items():
            if isinstance(value, str):
                yield key, value
            elif isinstance(value, dict) and {"text", "next"} & set(value):
                yield key, " ".join(str(value[part]) for part in ("text", "next") if part in value)
            elif isinstance(value, dict):
                yield from flat(value)

    return dict(flat(yaml.safe_load(path.read_text(encoding="utf-8"))))
