"""The stage clears only what a demo made, never while one runs there; and ports that are taken are let alone."""

import fcntl
import socket

import pytest

from mes.demo.cast import ADMINISTRATOR, CAST, PASSWORD
from mes.demo.stage import MARK, Stage, clear, free_port, logins_told, ring_down
from mes.errors import Refusal
from mes.people.model import HARD_CONFLICTS, Role


def test_a_folder_that_is_not_the_demos_is_never_cleared(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(Refusal, match="demo-folder-not-ours") as refused:
        clear(tmp_path)
    assert refused.value.facts["folder"] == str(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("content", [(), (MARK,), (MARK, "site/site.yaml", "out/ebr.pdf")])
def test_what_an_earlier_demo_left_is_cleared(tmp_path, content):
    folder = tmp_path / "demo"
    folder.mkdir()
    for name in content:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    clear(folder)
    assert not folder.exists()
    clear(folder)


def test_a_demo_that_runs_is_not_cleared(tmp_path):
    (tmp_path / MARK).write_text("x")
    (tmp_path / "site").mkdir()
    with (tmp_path / "site" / "writer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Refusal, match="demo-running"):
            clear(tmp_path)
    assert (tmp_path / MARK).exists()
    clear(tmp_path)
    assert not tmp_path.exists()


def test_a_port_that_is_taken_is_let_alone():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        taken = held.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken


def test_ringing_down_an_empty_stage_is_harmless(tmp_path):
    stage = Stage(tmp_path, 8471, 4841, None)
    ring_down(stage)
    assert stage.endpoint == "opc.tcp://127.0.0.1:4841/septima"
    assert stage.address == ("localhost", 8471)
    assert stage.site_dir == tmp_path / "site"


def test_the_cast_has_roles_of_the_house_and_no_conflict():
    for part in (ADMINISTRATOR, *CAST):
        roles = {Role(word) for word in part.roles}
        assert not [one for one in roles if HARD_CONFLICTS.get(one, frozenset()) & roles]
    assert len({part.user_name for part in (ADMINISTRATOR, *CAST)}) == len(CAST) + 1
    assert len({part.key for part in CAST}) == len(CAST)


def test_who_signs_with_two_factors_has_one():
    needing = {"qa", "qp"}
    assert {part.key for part in CAST if needing & set(part.roles)} == {part.key for part in CAST if part.second_factor}


def test_the_logins_are_told_with_everybody_in_them():
    told = logins_told()
    assert PASSWORD in told
    assert [line.split(":")[0] for line in told.splitlines()[1:]] == [
        ADMINISTRATOR.user_name, *(part.user_name for part in CAST),
    ]  # fmt: skip
    assert PASSWORD not in {part.user_name for part in CAST}
