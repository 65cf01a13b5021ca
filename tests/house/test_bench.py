"""The measurements can be listed and run, and the comparison is fair and right."""

import json
from pathlib import Path

import pytest

from bench.__main__ import main, names
from bench.compare import Timing, alternate, verdict
from bench.figures import Figure, figure, ratio
from bench.fsync import fsync_times
from bench.machine import describe
from bench.parts.appending import append_ratio_full, history_in
from bench.parts.signing import signing


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


def test_a_figure_says_whether_its_target_is_met() -> None:
    rates = figure("rate", [3.0, 1.0, 2.0], "1/s", "how", at_least=2)
    assert (rates.value, rates.low, rates.high, rates.is_met) == (2.0, 1.0, 3.0, True)
    assert str(rates).endswith("target >= 2: met")
    assert str(figure("time", [9.0], "ms", "how", at_most=5)).endswith("target <= 5: NOT MET")
    assert figure("beside", [1.0], "ms", "how").is_met is None


def test_a_ratio_is_the_median_of_the_pairs() -> None:
    found = ratio("r", [1.0, 20.0, 3.0], [2.0, 20.0, 1.0], "how")
    assert (found.value, found.low, found.high) == (1.0, 0.5, 3.0)


LEDGER = ("--entries", "300", "--verified", "200", "--rounds", "5", "--appends", "10")


@pytest.mark.postgres
def test_the_ledger_bench_runs_at_tiny_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ledger.json"
    parts = [word for part in ("append", "volume", "growth") for word in ("--only", part)]
    assert main(["ledger", *LEDGER, *parts, "--folder", str(tmp_path), "--out", str(out)]) == 0
    made = json.loads(out.read_text())
    wanted = {"append_ratio_sqlite", "bulk_append_per_s", "verify_per_s",
              "verify_full_per_s", "inclusion_proof_ms", "append_growth"}  # fmt: skip
    assert wanted <= made["figures"].keys()
    assert all(each["method"] and each["low"] <= each["value"] <= each["high"] for each in made["figures"].values())
    assert made["machine"].startswith("machine:")
    assert "append_ratio_sqlite" in capsys.readouterr().out


@pytest.mark.journey
def test_a_real_history_is_replayed_byte_for_byte(tmp_path: Path) -> None:
    history = history_in(tmp_path)
    found = append_ratio_full(lambda: f"sqlite:///{tmp_path / 'full.sqlite'}", "sqlite", 1, history)
    assert history.entries > 100
    assert found[0].name == "append_ratio_full_sqlite"


@pytest.mark.journey
def test_ours_and_the_peer_sign_a_step(tmp_path: Path) -> None:
    made: dict[str, Figure] = {each.name: each for each in signing(tmp_path, rounds=1, alone=1, each=1)}
    assert {"sign_ms", "peer_sign_ms", "sign_against_peer", "sign_4_clients_p95_ms"} <= made.keys()
    assert made["sign_ms"].value > made["argon2_ms"].value
