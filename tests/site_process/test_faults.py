"""Faults of the machine under a site: a full disk, a held record, a clock that moves, a database that is gone."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mes.demo.cast import PASSWORD
from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ids import new_op
from mes.ledger.breach import BreachLog
from mes.ledger.database import open_engine
from mes.ledger.disk import STOP_PERCENT, WARN_PERCENT, Disk
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger
from mes.site_process.notices import Notice, Notices, about_disk, about_holds
from mes.site_process.serve import begin
from tests.journeys.house import House, build_house
from tests.ledger.builders import DRAIN, KEY, NOW, NURSE, SITE, a_ledger, at, draft, reopened, write
from tests.ledger.forging import as_owner, cut, rewritten, sql

ROOT = Path(__file__).parents[2]
TOLD_S = 60


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play tests/site_process/full_disk_child.py on a tmpfs that nobody else sees."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a small disk needs root and unshare (a tmpfs in a mount namespace of its own)")
    trial = subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True)
    if trial.returncode != 0:
        pytest.skip(f"mount namespaces are not allowed here: {trial.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("small")
    played = subprocess.run(
        ["unshare", "-m", sys.executable, "-m", "tests.site_process.full_disk_child", str(folder)],
        check=False, capture_output=True, text=True, timeout=TOLD_S, cwd=ROOT,
    )  # fmt: skip
    assert played.returncode == 0, played.stderr[-2000:]
    story: dict[str, Any] = json.loads(played.stdout.splitlines()[-1])
    return story


@pytest.mark.rule("SEC-34")
def test_from_eighty_percent_on_every_page_warns(full_disk: dict[str, Any]) -> None:
    assert (full_disk["empty"]["notices"], full_disk["empty"]["banner"]) == ([], [])
    used, seen = full_disk["used 82"]
    assert (used, seen["notices"]) == (82, ["disk-filling"])
    assert "82 % full" in seen["banner"][0]
    assert seen["signing"][0] == 428, "signing still asks for the signature"


@pytest.mark.rule("SEC-34", "FLT-07", negative=True)
@pytest.mark.parametrize("point", ["used 96", "full"])
def test_signing_stops_before_the_disk_is_full_and_reading_goes_on(full_disk: dict[str, Any], point: str) -> None:
    seen = full_disk[point] if point == "full" else full_disk[point][1]
    status, code, text = seen["signing"]
    assert (status, code) == (409, "disk-nearly-full")
    assert "signing stops at 95 %" in text
    assert "call the administrator to free space" in text
    assert seen["reading"] == 200
    assert seen["notices"] == ["disk-nearly-full"]


@pytest.mark.rule("FLT-07")
def test_once_space_is_freed_it_goes_on_by_itself_and_nothing_is_half_written(full_disk: dict[str, Any]) -> None:
    assert (full_disk["append"], full_disk["append again"]) == ("ledger-unavailable", "ledger-unavailable")
    assert full_disk["freed"]["signing"][0] == 428
    assert (full_disk["freed"]["reading"], full_disk["freed"]["notices"]) == (200, [])
    assert full_disk["sizes"] == [True, 1]
    assert (full_disk["verified"], full_disk["opens"]) == (1, 1)


def disk(used: int, reserved: int = 0) -> Disk:
    """Return a disk of 1,000 blocks that is so many percent full, some blocks for the administrator alone."""
    free = 1000 - 10 * used
    return Disk([Path("/")], lambda _: os.statvfs_result((4096, 4096, 1000, free, free - reserved, *[0] * 5)))


@pytest.mark.rule("SEC-34", negative=True)
@pytest.mark.parametrize("used", [0, WARN_PERCENT - 1, WARN_PERCENT, STOP_PERCENT - 1, STOP_PERCENT, 100])
def test_the_disk_warns_and_stops_at_its_limits(used: int) -> None:
    codes = [one.code for one in about_disk(disk(used))()]
    if used < STOP_PERCENT:
        disk(used).check_signing()
        assert codes == (["disk-filling"] if used >= WARN_PERCENT else [])
    else:
        with pytest.raises(Refusal, match="disk-nearly-full"):
            disk(used).check_signing()
        assert codes == ["disk-nearly-full"]


def test_blocks_for_the_administrator_alone_are_no_room() -> None:
    assert disk(90).room_left().used_percent == 90
    assert disk(90, reserved=60).room_left().stops_signing
    empty = Disk([Path("/")], lambda _: os.statvfs_result((4096, 4096, 0, 0, 0, *[0] * 5)))
    assert empty.room_left().used_percent == 100


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a site with its first administrator."""
    made = build_house(tmp_path / "site")
    form = {"code": made.first_code, "name": "Ada", "user_name": "ada", "password": PASSWORD}
    assert made.app.test_client().post("/api/first-administrator", json=form).status_code < 300
    yield made
    made.close()


@pytest.mark.rule("FLT-10", "REL-P4", negative=True)
def test_while_everything_is_held_people_sign_in_and_read_and_nothing_is_recorded(house: House) -> None:
    ledger = house.wired.services.ledger
    ledger.breaches.record(IntegrityBreach("the tree is wrong", index=3), None)
    size, client = ledger.size, house.app.test_client()
    wrong = client.post("/api/sign-in", json={"user_name": "ada", "password": "not this one"})
    assert (wrong.status_code, wrong.json["code"]) == (401, "sign-in-failed")
    came = client.post("/api/sign-in", json={"user_name": "ada", "password": PASSWORD})
    assert came.status_code < 300
    for path in ("/batches", "/people", "/me"):
        page = client.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "The whole record is held" in page.text
    headers = {"X-CSRF-Token": came.json["csrf"]}
    form = {"op": str(uuid4()), "name": "Bo", "user_name": "bobo", "password": PASSWORD, "roles": []}
    act = client.post("/api/people", json=form, headers=headers)
    assert (act.status_code, act.json["code"]) == (409, "stream-held-by-breach")
    assert client.post("/api/sign-out", json={}, headers=headers).status_code < 400
    assert ledger.size == size


def test_what_is_held_stands_on_every_page(house: House) -> None:
    ledger = house.wired.services.ledger
    ledger.breaches.record(IntegrityBreach("a bit", index=3, stream="batch/B1"), None)
    page = house.app.test_client().get("/", headers={"Accept": "text/html"}, follow_redirects=True)
    assert '<p class="site-notice" role="alert">batch/B1 is held' in page.text


def test_the_board_shows_what_is_put_up_until_it_is_taken_down() -> None:
    board = Notices(about_holds(BreachLog(None)), about_disk(disk(83)))
    board.put("clock", "clock-drifting", seconds=4)
    assert [one.code for one in board.shown()] == ["disk-filling", "clock-drifting"]
    board.put("clock", "clock-drifting", seconds=7)
    assert board.shown()[-1] == Notice("clock-drifting", {"seconds": 7})
    board.take_down("clock")
    board.take_down("clock")
    assert [one.code for one in board.shown()] == ["disk-filling"]


@pytest.mark.rule("FLT-17", "TE-24")
@pytest.mark.parametrize("back", [6, 7200, 86_400, 400 * 86_400], ids=["6 s", "2 h", "1 day", "400 days"])
def test_a_clock_that_goes_back_between_entries_leaves_an_entry(ledger_url: str, back: int) -> None:
    with a_ledger(ledger_url) as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(10))
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(10 - back))
        one, step, two = ledger.entries(1)
        assert (step.type, step.stream) == ("site:clock:stepped", "site/site-one")
        assert datetime.fromisoformat(step.data["from"]) == one.at
        assert datetime.fromisoformat(step.data["to"]) == two.at == step.at < one.at
        assert (two.index, two.seq) == (3, 1), "order goes by index and seq, not by time"
    engine = open_engine(ledger_url)
    assert verify_ledger(engine).size == 4
    engine.dispose()


@pytest.mark.rule("FLT-17")
def test_a_clock_that_goes_forward_by_days_and_back_again_is_in_the_record(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        for seconds in (1, 3 * 86_400, 2, 3):
            ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(seconds))
        types = [entry.type.partition(":")[0] for entry in ledger.entries(1)]
        assert types == ["test", "test", "site", "test", "test"]
        assert [entry.at for entry in ledger.entries(4)] == [at(2), at(3)]
    with reopened(ledger_url) as again:
        again.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(-60))
        assert again.entry(again.size - 2).type == "site:clock:stepped"


@pytest.mark.rule("TE-24", negative=True)
def test_an_earlier_time_without_a_step_is_found(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        for n in (1, 2, 3):
            ledger.append(new_op(), [write("batch/B1", draft(n=n))], actor=DRAIN, now=at(n))
    engine = open_engine(ledger_url)
    with as_owner(engine) as connection:
        rewritten(3, at="2026-11-22T09:00:00.000000Z")(connection)
    with pytest.raises(IntegrityBreach, match="entry 3: earlier than the entry before it"):
        verify_ledger(engine)
    engine.dispose()


@pytest.mark.rule("TE-06", "TE-13", negative=True)
def test_an_idle_hour_and_a_lost_tail_are_told_apart(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(60))
        ledger.heartbeat(at(3600))
        ledger.heartbeat(at(7200))  # nothing happened between the two
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(7260))
        ledger.heartbeat(at(10_800))
        beats = [one for one in ledger.entries() if one.type == "site:ledger:heartbeat"]
        idle = [now.data["previous_size"] - before.index - 1 for before, now in pairwise(beats)]
        assert idle == [0, 1], "entries between two beats"
    engine = open_engine(ledger_url)
    with as_owner(engine) as connection:
        cut(4)(connection)
        sql("DELETE FROM checkpoint WHERE size > 4")(connection)
    assert verify_ledger(engine).size == 4, "without its last hour the ledger still agrees with itself: a beat is due"
    with as_owner(engine) as connection:
        cut(3)(connection)
    with pytest.raises(IntegrityBreach, match="ends at 3, but 4 entries were signed"):
        verify_ledger(engine)
    engine.dispose()


def test_a_site_that_may_not_begin_leaves_no_lease_behind(house: House) -> None:
    house.settings.credential_key_path.chmod(0o644)
    for _ in range(2):
        with pytest.raises(Fault, match="key-file-readable-by-others"):
            begin(house.settings)


@pytest.mark.rule("FLT-12", negative=True)
def test_a_ledger_is_not_created_over_another(ledger_url: str) -> None:
    with a_ledger(ledger_url):
        pass
    engine = open_engine(ledger_url)
    with pytest.raises(Refusal, match="ledger-exists"):
        Ledger.create(engine, site=SITE, tz="UTC", key=KEY, now=NOW, clock="real", software="x")
    engine.dispose()
