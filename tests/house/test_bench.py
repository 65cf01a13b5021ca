"""The measurements can be listed and run, and the comparison is fair and right."""

from pathlib import Path

import pytest

from bench.__main__ import main, names
from bench.compare import Timing, alternate, verdict
from bench.fsync import fsync_times
from bench.machine import describe


def test_each_measurement_is_listed_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names()
    assert all(len(line.split()) > 3 for line in lines)


def test_an_unknown_name_is_answered_with_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed-of-light"]) == 2
    assert "fsync" in capsys.readouterr().err


def test_fsync_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fsync", "--folder", str(tmp_path), "--count", "20"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(describe().split(" cores")[0])
    assert "fsync: median" in out
    assert len(fsync_times(tmp_path, 3)) == 3


def test_sides_alternate() -> None:
    calls: list[str] = []
    alternate(lambda: calls.append("a"), lambda: calls.append("b"), rounds=5)
    assert "".join(calls) == "ababababab"
    with pytest.raises(ValueError, match="fewer than 5"):
        alternate(lambda: None, lambda: None, rounds=4)


def test_the_verdict_is_the_ratio_of_medians() -> None:
    text = verdict(Timing("ours", (2.0, 4.0, 90.0)), Timing("yardstick", (1.0, 2.0, 3.0)))
    assert text.splitlines()[-1].split() == ["ratio", "2.00"]
