"""Set-up from nothing: locks with hashes and no address, scripts that run, and a message where they may not."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.house.tree import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
TARGETS = {"demo", "test", "lint", "bench", "screens", "campaign"}
SCRIPTS = (".ci/run", "tools/setup", "tools/lock")


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"(?<![\w.-])/\w", "\n".join(line for line in text.splitlines() if line.startswith("#")))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text().split("\n", 1)[1])
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize(("lock", "groups"), [(LOCKS[0], ()), (LOCKS[1], ("dev",))])
def test_the_lock_answers_pyproject(lock: str, groups: tuple[str, ...]) -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(stated["project"]["dependencies"]) + list(stated["build-system"]["requires"])
    for group in groups:
        wanted += stated["dependency-groups"][group]
    found = pins(lock)
    assert [
        one
        for one in map(Requirement, wanted)
        if not one.specifier.contains(found.get(one.name.lower(), "0"), prereleases=True)
    ] == []


def test_the_tests_run_on_the_versions_of_production() -> None:
    production, development = map(pins, LOCKS)
    assert {name: version for name, version in production.items() if development.get(name) != version} == {}


def test_make_has_its_targets() -> None:
    assert set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) >= TARGETS


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0
    mode = subprocess.run(
        ["git", "ls-files", "-s", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout[:6]
    assert mode == "100755"


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A folder of commands that make the machine look as if it had no library and its user no rights."""
    for name, answer in {"id": "echo 1000", "ldconfig": "echo none", "apt-get": "touch apt-was-called"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_without_rights_it_names_the_exact_command(bare_machine: Path) -> None:
    done = subprocess.run(
        [ROOT / "tools/setup", "run"],
        cwd=bare_machine,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{bare_machine}:{os.environ['PATH']}"},
    )
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install --no-install-recommends -y libpango-1.0-0 " in done.stderr
    assert not list(bare_machine.glob("**/apt-was-called"))


def test_setup_refuses_an_unknown_word() -> None:
    done = subprocess.run([ROOT / "tools/setup", "everything"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "setup: say run or dev, not 'everything'\n")
