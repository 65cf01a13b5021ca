"""The demo clears only what a demo made, and never under a running one."""

import fcntl

import pytest

from mes.demo.stage import MARK, clear, logins_told
from mes.errors import Refusal


def test_a_folder_that_is_not_there_or_empty_is_fine(tmp_path):
    clear(tmp_path / "none")
    clear(tmp_path)
    assert not tmp_path.exists()


def test_somebodys_files_are_never_removed(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Refusal, match="demo-folder-not-ours"):
        clear(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_earlier_demo_is_cleared_unless_it_runs(tmp_path):
    site = tmp_path / "demo" / "site"
    site.mkdir(parents=True)
    (tmp_path / "demo" / MARK).write_text("")
    with (site / "writer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refusal, match="demo-running"):
            clear(tmp_path / "demo")
    clear(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


def test_the_logins_name_everybody_once():
    told = logins_told()
    assert told.count("clinician") == 2
    assert "ada: Ada Vermeulen, administrator" in told
