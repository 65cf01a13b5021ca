"""`mes ledger export` and the program in it, run as an outsider runs it: alone, by its own Python."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mes.ledger.database import open_engine
from mes.ledger.independent.export import export_ledger
from tests.ledger.builders import KEY
from tests.ledger.forging import flip
from tests.ledger.tamper.corpus import altered, fill


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the exported program without anything of ours on its path."""
    command = [sys.executable, "-I", "-S", str(folder / "verify_ledger.py"), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.rule("REG-P11-10a")
def test_an_outsider_checks_an_export_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'site.sqlite'}"
    kept = fill(url)
    engine = open_engine(url)
    assert export_ledger(engine, tmp_path / "out.zip") == 50
    with pytest.raises(FileExistsError):
        export_ledger(engine, tmp_path / "out.zip")
    engine.dispose()
    with zipfile.ZipFile(tmp_path / "out.zip") as container:
        container.extractall(tmp_path / "alone")
    (tmp_path / "kept.txt").write_text(KEY.signed_note(kept.text), encoding="utf-8")
    code, said = run(tmp_path / "alone", str(tmp_path / "out.zip"), "--witness", str(tmp_path / "kept.txt"))
    assert code == 0, said
    assert "50 entries" in said
    assert "cannot show without a checkpoint" in said
    assert run(tmp_path / "alone", str(tmp_path / "site.sqlite"), "--key", KEY.verifier.vkey)[0] == 0


@pytest.mark.rule("REG-P11-10a", negative=True)
def test_an_outsider_is_told_the_first_bad_entry(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'site.sqlite'}"
    fill(url)
    altered(url, flip(30))
    engine = open_engine(url)
    export_ledger(engine, tmp_path / "out")
    engine.dispose()
    code, said = run(tmp_path / "out", str(tmp_path / "out"))
    assert code == 1
    assert "first bad entry: 30" in said
