"""Names that say nothing are not used, and time comes from the clock alone."""

import ast
import re

from tests.house.tree import SOURCES, modules, syntax

EMPTY_MODULES = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?|stuff|info)(_|$)")
EMPTY_CLASSES = re.compile(r"(Manager|Helper|(?<!Cell)Processor|Handler|Utils?)$")
CLOCK = "mes/clock.py"
WALL_TIME = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}


def _asks_the_wall(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    owner = node.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return (name, node.func.attr) in WALL_TIME


def test_no_module_has_an_empty_name() -> None:
    stems = {
        path: path.rsplit("/", 1)[-1].removesuffix(".py") for path in modules(*SOURCES, "tests/", "bench/", "tools/")
    }
    assert [path for path, stem in stems.items() if EMPTY_MODULES.search(stem)] == []


def test_no_class_has_an_empty_name() -> None:
    assert [
        f"{path}::{node.name}"
        for path in modules(*SOURCES)
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.ClassDef) and EMPTY_CLASSES.search(node.name)
    ] == []


def test_only_the_clock_asks_for_the_time() -> None:
    assert [
        f"{path}:{getattr(node, 'lineno', 0)}"
        for path in modules(*SOURCES)
        if path != CLOCK
        for node in ast.walk(syntax(path))
        if _asks_the_wall(node)
    ] == []


def test_asking_for_the_time_is_recognised() -> None:
    table = {
        "datetime.now(UTC)": True,
        "datetime.datetime.utcnow()": True,
        "date.today()": True,
        "clock.now()": False,
        "datetime.fromisoformat(x)": False,
        "time.monotonic()": False,
    }
    assert {code: any(map(_asks_the_wall, ast.walk(ast.parse(code)))) for code in table} == table
