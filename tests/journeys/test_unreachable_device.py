"""A bound device that nobody answers for: the step says so in a sentence, the API with a code, and nothing is lost."""

import pytest

from equipment_drivers.readings import LinkState
from mes.demo import script, setting
from mes.demo.acts import Playing, Who
from mes.demo.client import Unexpected
from mes.demo.stage import DEVICE
from mes.equipment.journal import JournalWriter
from tests.journeys.house import HeldPace, build_house, employed

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A batch whose first device step was started, with no collector to reach the device."""
    house = build_house(tmp_path_factory.mktemp("unreachable") / "site")
    people = employed(house)
    pace = HeldPace(house.conductor)
    play = Playing(people, pace, script.BATCH, "opcua", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "opcua", "opc.tcp://127.0.0.1:9/none", "sha256:" + "0" * 64, pace.now)
    setting.open_batch(people, "opcua")
    play.knows("wristband", script.WRISTBAND)
    script.collect_and_bring(play)
    play.do("A06", script.OPERATORS, script.HOUR)
    play.begin("A07", script.OPERATORS)
    yield house, play
    house.close()


def test_the_command_waits_in_the_record_and_the_program_is_not_done(begun):
    house, play = begun
    asked = [entry for entry in house.wired.services.ledger.entries() if entry.type == "equipment:command:requested"]
    assert [entry.data["verb"] for entry in asked] == ["select_program"]
    assert play.step("A07")["program_done_at"] is None


@pytest.mark.parametrize(
    ("state", "detail", "code", "words"),
    [
        (None, "", "device-unreachable", "Check that it is on"),
        (LinkState.OFFLINE, "node-map-node-missing: culture.co2", "node-map-node-missing", "correct the map"),
        (LinkState.AUTH_FAILED, "BadUserAccessDenied", "device-authentication-failed", "credentials"),
    ],
)
def test_what_is_wrong_with_the_link_is_told(begun, state, detail, code, words):
    house, play = begun
    if state is not None:
        journal = JournalWriter(house.settings.journal_path)
        journal.link_changed(DEVICE, state, detail, 1)
        journal.close()
    operator = play.people["operator"]
    told = operator.get(play.of_batch("live"))["link"]
    assert told["code"] == code
    assert words in told["text"]
    page = operator.download(f"/batches/{script.BATCH}/steps/A07").decode()
    assert f'data-link="{code}"' in page
    assert words in page


def test_confirming_before_the_program_ended_is_refused_with_the_next_action(begun):
    _, play = begun
    with pytest.raises(Unexpected, match="program-running"):
        play.people["operator"].act(play.path("A07", "perform"), values=[])


def test_another_step_needs_no_device(begun):
    _, play = begun
    play.begin("A08", Who("operator"))
    assert play.step("A08")["state"] == "started"
