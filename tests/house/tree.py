"""The tree as the house tests see it: which files there are, and their syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("mes/", "equipment_drivers/")
SMALL = 3
"""Files of up to this many lines say nothing about size."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> tuple[str, ...]:
    """Return every path that git tracks or would track, relative to the root."""
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(path for path in told.split("\0") if path and (ROOT / path).is_file()))


def modules(*folders: str) -> list[str]:
    """Return the Python files under the given folders; migrations are frozen history and left out."""
    return [
        path
        for path in files()
        if path.endswith(".py") and path.startswith(folders) and not path.startswith("mes/migrations/")
    ]


def text_files() -> Iterator[tuple[str, str]]:
    """Yield path and text of every file that is text and ours (the vendored files are not)."""
    for path in files():
        if path.startswith("mes/web/static/vendor/"):
            continue
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


@cache
def syntax(path: str) -> ast.Module:
    """Return the parsed module."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=path)


def functions(path: str) -> Iterator[Function]:
    """Yield every function of a module, nested ones and methods too."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def line_count(path: str) -> int:
    """Return the number of lines, blanks and docstrings included."""
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def function_length(function: Function) -> int:
    """Return the number of lines from `def` to the last statement."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def percentile(values: list[int], share: float) -> int:
    """Return the value below or at which `share` of the values lie (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * round(share * 100) // 100) - 1)]
