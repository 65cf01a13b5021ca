"""The whole 7-day master with the operator as driver: no device data, a verified bundle, and the record says so."""

import subprocess
import sys
import zipfile

import pytest

from mes.batches.tables import BATCH
from mes.demo import script, setting
from mes.demo.acts import Playing
from mes.ledger.database import open_engine
from mes.site_process.rebuild import rebuild
from tests.journeys.house import HeldPace, build_house, employed
from tests.site_process.rows import rows_of


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """One batch, bound manually, from order to final certification and export."""
    folder = tmp_path_factory.mktemp("manual")
    house = build_house(folder / "site")
    people = employed(house)
    pace = HeldPace(house.conductor)
    play = Playing(people, pace, script.BATCH, "manual", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "manual", None, None, pace.now)
    setting.open_batch(people, "manual")
    play.knows("wristband", script.WRISTBAND)
    vein = script.collect_and_bring(play)
    script.activate(play, vein)
    script.culture(play, vein)
    script.harvest_and_release(play, vein)
    script.infuse(play, vein)
    script.certify_finally(play)
    answer = people["qa"].act(f"/api/batches/{script.BATCH}/records")
    services = house.wired.services
    services.records.wait(answer["job"], 120)
    bundle = folder / "manual.ebr.zip"
    bundle.write_bytes(people["qa"].download(f"/api/records/{answer['seal']}/bundle"))
    yield house, play, bundle
    house.close()


@pytest.mark.journey
@pytest.mark.rule("PRA-12")
def test_the_batch_is_infused_and_certified(played):
    _, play, _ = played
    state = play.state()
    assert state["disposition"] == "certified (final)"
    assert state["phase"] == "completed"
    assert {step["state"] for step in state["steps"]} == {"done", "skipped"}


@pytest.mark.journey
def test_its_bundle_convinces_a_stranger(played, tmp_path):
    house, _, bundle = played
    with zipfile.ZipFile(bundle) as archive:
        name = next(one for one in archive.namelist() if one.endswith("/verify.py"))
        (tmp_path / "verify.py").write_bytes(archive.read(name))
        record = archive.read(next(one for one in archive.namelist() if one.endswith("data/record.jsonl")))
    key = house.wired.services.ledger.key.vkey
    checked = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", str(bundle), "--key", key],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert b"Testpatient" not in record
    assert b"H-0093311" not in record


@pytest.mark.journey
def test_no_command_was_ever_asked_of_a_manual_device(played):
    house, _, _ = played
    ledger = house.wired.services.ledger
    assert not [entry for entry in ledger.entries() if entry.type == "equipment:command:requested"]


@pytest.mark.journey
def test_every_list_rebuilt_from_the_whole_journey_is_what_lived(played):
    house, _, _ = played
    engine = open_engine(house.settings.database)
    live = rows_of(engine)
    told = rebuild(house.settings)
    assert told.entries == house.wired.services.ledger.size > 200
    assert [name for name in ("batch", "batch_order", "person", "equipment", "master_version") if not live[name]] == []
    assert rows_of(engine) == live
    row = dict(zip(BATCH.c.keys(), live["batch"][0], strict=True))
    assert (row["phase"], row["disposition"]) == ("completed", "certified (final)")
    engine.dispose()
