"""The demo as a newcomer runs it, its processes killed underway: nothing is missing, and strangers can check it."""

import io
import json
import random
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.journeys.demo_run import KILLS, DemoRun, run_demo

pytestmark = [pytest.mark.journey]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> DemoRun:
    """Run the demo once for all tests of this file."""
    done = run_demo(tmp_path_factory.mktemp("demo"))
    assert done.code == 0, "\n".join(done.told[-30:])
    return done


@pytest.fixture(scope="module")
def bundle(run) -> Path:
    return run.out / f"{run.summary['batch']}.ebr.zip"


def test_processes_were_really_killed_underway(run):
    assert sorted(name for name, _ in run.killed) == sorted(name for names in KILLS.values() for name in names)
    log = (run.folder / "demo" / "logs" / "supervise.log").read_text()
    fallen = [json.loads(line) for line in log.splitlines() if '"process-fell"' in line]
    assert sum(one["name"] == "collect" for one in fallen) >= 2


def test_every_emitted_sample_is_recorded_and_nothing_else(run):
    assert run.summary["samples_expected"] > 50_000
    assert run.summary["samples_recorded"] == run.summary["samples_expected"]


def test_the_promise_is_kept(run):
    assert float(run.summary["vein_to_vein_h"]) < 168
    assert run.summary["steps_done"] >= 34
    assert run.summary["ledger_entries"] > 300
    assert run.summary["batch_s"] <= 120 or len(KILLS) > 0


def verify(bundle: Path, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    with zipfile.ZipFile(bundle) as archive:
        (folder / "verify.py").write_bytes(
            archive.read(next(n for n in archive.namelist() if n.endswith("/verify.py")))
        )
    command = [sys.executable, "-I", "-S", "verify.py", str(bundle), *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_stranger_finds_the_bundle_whole(run, bundle, tmp_path):
    checked = verify(bundle, tmp_path, "--key", run.summary["site_key"])
    assert checked.returncode == 0, checked.stdout


def test_another_sites_key_is_not_believed(run, bundle, tmp_path):
    other = "septima/demo-site/1+00000000+" + "AQ" + "A" * 42 + "="
    assert verify(bundle, tmp_path, "--key", other).returncode != 0


def test_one_flipped_byte_anywhere_in_the_data_is_found_and_named(bundle, tmp_path):
    draw = random.Random(7)
    with zipfile.ZipFile(bundle) as archive:
        infos = [one for one in archive.infolist() if "/data/" in one.filename]
        sizes = {one.filename: (one.header_offset + 30 + len(one.filename.encode()), one.file_size) for one in infos}
    body = bundle.read_bytes()
    kinds = {name.split("/data/", 1)[1].split("/")[0]: name for name in sizes}
    for name in kinds.values():
        start, size = sizes[name]
        flipped = bytearray(body)
        flipped[start + draw.randrange(size)] ^= 0x01
        broken = tmp_path / "broken.ebr.zip"
        broken.write_bytes(flipped)
        checked = verify(broken, tmp_path)
        assert checked.returncode != 0, name
        assert name.split("/", 1)[1].split("/")[-1] in checked.stdout, (name, checked.stdout)


def test_the_bundle_names_no_patient_and_says_that_it_is_simulated(bundle):
    with zipfile.ZipFile(bundle) as archive:
        record = archive.read(next(name for name in archive.namelist() if name.endswith("data/record.jsonl")))
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Testpatient" not in whole
    assert b"H-0093311" not in whole
    created = json.loads(record.splitlines()[0])
    assert created["type"] == "site:ledger:created"
    assert created["data"]["clock"] == "simulated"


def test_every_page_of_the_pdf_says_that_it_is_simulated(run):
    text = subprocess.run(
        ["pdftotext", "-layout", str(run.out / "ebr.pdf"), "-"], capture_output=True, text=True, check=True
    ).stdout
    pages = [page for page in text.split("\f") if page.strip()]
    assert len(pages) > 5
    assert all("SIMULATED DEVICE" in page for page in pages)
    assert all("20,000" in page or "virtual clock" in page.lower() for page in pages)


def test_the_excursion_of_the_scenario_became_an_exception_of_the_batch(bundle):
    with zipfile.ZipFile(bundle) as archive:
        record = archive.read(next(name for name in archive.namelist() if name.endswith("data/record.jsonl")))
    entries = [json.loads(line) for line in io.BytesIO(record)]
    limits = [one for one in entries if one["type"] == "batch:exception:opened" and one["data"]["kind"] == "limit"]
    assert limits
    occurred = datetime.fromisoformat(limits[0]["occurred"]["at"])
    assert datetime.fromisoformat(limits[0]["at"]) - occurred < timedelta(hours=3)


def mes(*asked: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mes", *asked]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.rule("REG-A11-07", "REG-DI-07")
def test_the_whole_site_is_restored_from_a_backup_and_its_record_is_the_same(run, tmp_path):
    """The drill makes the record that was handed out again, from the restored site, byte for byte."""
    site = ["--site", str(run.folder / "demo" / "site")]
    made = mes("backup", "make", *site, "--to", str(tmp_path))
    assert made.returncode == 0, made.stderr
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    drilled = mes("backup", "drill", *site, str(folder))
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    assert "OK   sealed records" in drilled.stdout
    assert "made again: " in drilled.stdout
    folder.chmod(0o700)  # so that the test's folder can be cleared away
