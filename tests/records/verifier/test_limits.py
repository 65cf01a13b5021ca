"""A hostile bundle gets an answer in bounded memory and time."""

import gzip
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.records.verifier.breaking import put
from tests.records.verifier.bundles import asked, build, offences, verifier
from tests.records.verifier.story import Story
from tests.records.verifier.writer import HEADER, VERIFIER

MEMORY = 400 * 2**20
CLOCK = "data/telemetry/prodigy-1/device.clock.csv.gz"

BOMBS: dict[str, dict[str, Any]] = {
    "a gigabyte of rows": put(CLOCK, gzip.compress(HEADER + bytes(2**30), 1, mtime=0)),
    "a manifest of slashes": {"bagged": lambda files: files.update({"manifest-sha256.txt": b"/" * 2**24})},
    "brackets in the keys": put("data/keys.json", b"[" * 2**21),
    "numbers in the keys": put("data/keys.json", b"9" * 2**21),
    "braces in a PDF": {"pdf": lambda record: b"%PDF-1.7\n" + b"<<" * 2**20 + b"\nstartxref\n9\n%%EOF\n"},
    "comments in a PDF": {"pdf": lambda record: b"%PDF-1.7\n" + b"%\n" * 2**20 + b"\nstartxref\n9\n%%EOF\n"},
    "a note of many lines": put("data/checkpoint.txt", b"a\n" * 2**19),
}


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize("hooks", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_answered_in_little_memory(tmp_path: Path, hooks: dict[str, Any]) -> None:
    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build(**hooks))
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(path)]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, preexec_fn=bounded)
    assert (done.returncode, done.stderr) == (1, "")
    assert "NOT OK" in done.stdout
    assert "MemoryError" not in done.stdout
    assert time.monotonic() - started < 20


def test_a_file_beyond_its_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build(**put("data/keys.json", b" " * (verifier.SMALL_LIMIT + 1))))
    code, lines = asked(path)
    assert code == 1
    assert "data/keys.json: is larger than" in offences(lines)[0]


def test_a_long_record_takes_seconds(tmp_path: Path) -> None:
    def many(story: Story) -> None:
        for number in range(1500):
            story.ledger.append("batch/B1", "batch:noted", {"n": number, "reading": {"value": "1.5", "unit": "Cel"}})

    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build(before_seal=many, day="2026-11-23"))
    started = time.monotonic()
    code, lines = asked(path)
    assert (code, offences(lines)) == (0, [])
    assert time.monotonic() - started < 10
