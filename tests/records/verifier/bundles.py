"""Tell a story, break it where asked, and let the verifier answer: what the tests of this folder share."""

import contextlib
import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.records.verifier.story import Story
from tests.records.verifier.writer import VERIFIER, bag, zipped


def load_verifier() -> ModuleType:
    """Import verify.py by its place alone, as a stranger would."""
    spec = importlib.util.spec_from_file_location("offline_verifier", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verifier = load_verifier()


def build(**hooks: Any) -> bytes:
    """Return the zip of a batch. Hooks, innermost first: those of Story, `bagged`(files), `zipped`(bytes)."""
    story = Story(**hooks).batch()
    files = bag(story.files(), hooks.get("day", "2026-11-22"))
    files = hooks.get("bagged", lambda files: files)(files) or files
    packed = zipped(files, hooks.get("base", "B1.ebr"), hooks.get("names"))
    changed: bytes = hooks.get("zipped", lambda body: body)(packed)
    return changed


def asked(path: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run the verifier in this process: exit code and lines."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = verifier.main([str(path), *arguments])
    return code, out.getvalue().splitlines()


def offences(lines: list[str]) -> list[str]:
    """Return what was not OK, without its number."""
    return [line[11:] for line in lines if line.startswith("NOT OK  ")]


def run_alone(
    path: Path, *arguments: str, python: str = sys.executable, program: Path = VERIFIER
) -> subprocess.CompletedProcess[str]:
    """Run the verifier as a person would: a process of its own, isolated, no packages, from another folder."""
    command = [python, "-I", "-S", "-W", "error", str(program), str(path), *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120, check=False)
