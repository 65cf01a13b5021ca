"""One whole batch through a real browser: everybody at a page of their own, the device operated by hand."""

import os
import subprocess
import sys
import time
import zipfile

import pytest

from mes.demo import script, setting
from mes.web.errors import sentence
from tests.browser import chromium_path, open_browser
from tests.journeys.browser_journey import INTAKE, BrowserJourney, at_browsers, served
from tests.journeys.house import HeldPace, build_house, employed

pytestmark = [pytest.mark.browser, pytest.mark.journey]
BUILD_MOST_S = 120


@pytest.fixture(scope="module")
def chromium():
    """Give a browser; without Chromium the journey is skipped, but never in CI."""
    try:
        chromium_path()
    except RuntimeError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def journey(chromium, tmp_path_factory):
    """One batch from order to final certification, every act a form on a page."""
    house = build_house(tmp_path_factory.mktemp("browser") / "site")
    owners = employed(house)
    with served(house) as address, at_browsers(chromium, address, owners) as people:
        play = BrowserJourney(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
        setting.approve_master(people)
        setting.register_device(people, "manual", None, None, play.pace.now)
        setting.open_batch(people, "manual")
        play.knows("wristband", script.WRISTBAND)
        vein = script.collect_and_bring(play)
        script.activate(play, vein)
        script.culture(play, vein)
        script.harvest_and_release(play, vein)
        script.infuse(play, vein)
        script.certify_finally(play)
        yield house, play
    house.close()


def test_the_batch_is_infused_and_certified(journey):
    _, play = journey
    state = play.state()
    assert state["disposition"] == "certified (final)"
    assert state["phase"] == "completed"
    assert {step["state"] for step in state["steps"]} == {"done", "skipped"}


@pytest.mark.rule("REG-ATMP-10")
def test_the_bag_of_another_patient_turns_the_whole_screen_red(journey):
    _, play = journey
    seen = play.seen["wrong bag"]
    assert seen.share == pytest.approx(1.0, abs=0.01)
    assert seen.colour == "rgb(163, 32, 24)"
    assert "WRONG CODE" in seen.text
    assert "Stop" in seen.text
    assert script.BATCH in seen.text
    assert seen.step_state == "started"


def test_a_decimal_comma_is_told_and_what_was_typed_stays(journey):
    _, play = journey
    seen = play.seen["comma"]
    assert sentence("number-malformed", {"given": "180,5"}) in seen.text
    assert seen.typed == "180,5"
    assert seen.step_state == "started"


def test_a_wrong_password_is_told_in_the_dialog_and_signs_nothing(journey):
    house, play = journey
    seen = play.seen["wrong password"]
    assert sentence("signature-secret-wrong", {}) in seen.text
    assert seen.step_state == "started"
    stream = house.wired.services.ledger.stream(f"batch/{script.BATCH}")
    confirmed = [one for one in stream if one.type == "batch:step:performed" and one.data["step"] == INTAKE]
    assert len(confirmed) == 1


def test_the_record_downloaded_from_its_page_convinces_a_stranger(journey, tmp_path):
    house, play = journey
    qa = play.at("qa")
    records = house.wired.services.records
    qa.act(play.of_batch("records"))
    deadline = time.monotonic() + BUILD_MOST_S
    while not records.seals(script.BATCH)[0].complete and time.monotonic() < deadline:
        time.sleep(0.2)
    qa.go(f"/batches/{script.BATCH}/record")
    with qa.page.expect_download() as caught:
        qa.page.get_by_role("link", name="Bundle").click()
    bundle = tmp_path / "batch.ebr.zip"
    caught.value.save_as(bundle)
    with zipfile.ZipFile(bundle) as archive:
        (tmp_path / "verify.py").write_bytes(
            archive.read(next(n for n in archive.namelist() if n.endswith("/verify.py")))
        )
    checked = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", str(bundle), "--key", house.wired.services.ledger.key.vkey],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
