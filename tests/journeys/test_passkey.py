"""Chromium's virtual authenticator signs a step end to end, and a stranger checks its assertion without the site."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mes.demo import script, setting
from mes.demo.acts import Playing, Who
from mes.ledger.entry import Actor, Entry
from mes.records.bundle.bag import bagged, zipped
from mes.web.errors import sentence
from tests.browser import chromium_path, open_browser, open_page
from tests.journeys.browser_journey import INTAKE, intake_values, served
from tests.journeys.house import HeldPace, House, build_house, employed
from tests.journeys.passkey_person import PasskeyPerson
from tests.records.test_export import members
from tests.records.verifier.bundles import asked, offences, run_alone
from tests.signatures.authenticator import flipped

pytestmark = [pytest.mark.browser, pytest.mark.journey]
OPERATORS = Who("operator", "verifier")
PATH = f"/api/batches/{script.BATCH}/steps/{INTAKE}/perform"
PARTS = ("authenticatorData", "clientDataJSON", "signature")


@dataclass
class Told:
    """What came of it: the house, what the screen said when nobody was verified, and the bundle."""

    house: House
    unverified: str
    wrong_password: dict[str, str]
    bundle: Path

    def entries(self, kind: str) -> list[Entry]:
        """Return the entries of a type."""
        return [one for one in self.house.wired.services.ledger.entries() if one.type == kind]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The operator enrols a passkey and confirms the intake with it; the record is sealed and exported."""
    try:
        chromium_path()
    except RuntimeError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    port = free_port()
    house = build_house(tmp_path_factory.mktemp("passkey") / "site", web_port=port)
    try:
        yield play_by_passkey(house, port, tmp_path_factory.getbasetemp())
    finally:
        house.close()


def play_by_passkey(house: House, port: int, shots: Path) -> Told:
    """Bring the batch to its intake, and let the operator sign that at a real browser."""
    people = employed(house)
    play = Playing(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "manual", None, None, play.pace.now)
    setting.open_batch(people, "manual")
    play.knows("wristband", script.WRISTBAND)
    script.collect_and_bring(play)
    play.begin(INTAKE, OPERATORS)
    play.record(INTAKE, OPERATORS)
    with served(house, port) as address, open_browser() as browser, open_page(browser, address) as page:
        olivia = PasskeyPerson(page, people["operator"])
        olivia.sign_in()
        olivia.enrol_passkey("Key on my ring")
        page.screenshot(path=str(shots / "passkey-me.png"), full_page=True)
        olivia.hand_in(PATH, values=intake_values())
        page.screenshot(path=str(shots / "passkey-sign.png"))
        refused = olivia.sign(PATH, password="not my password")
        assert refused.status == 401
        wrong_password = olivia.refusal()
        olivia.verifies(False)
        page.locator("[data-passkey-sign]").click()
        page.locator("[data-passkey-told]:not([hidden])").wait_for()
        unverified = page.locator("[data-passkey-told]").inner_text()
        olivia.verifies(True)
        assert olivia.sign(PATH).ok
    records, actor = house.wired.services.records, Actor.system("test")
    bundle = records.export(records.seal_as(actor, script.BATCH), house.settings.site_dir / "exports", actor)
    return Told(house, unverified, wrong_password, bundle)


def free_port() -> int:
    """Return a port that nobody listens at: the site must know its own address before it opens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def signed_step(told: Told) -> Entry:
    """Return the entry that the passkey signed."""
    (entry,) = [one for one in told.entries("batch:step:performed") if one.data["step"] == INTAKE]
    return entry


@pytest.mark.rule("REG-P11-70", "REG-P11-50", "REG-A11-14", "SEC-06")
def test_the_step_is_signed_by_the_passkey_that_its_owner_enrolled(told: Told) -> None:
    (enrolled,) = told.entries("person:passkey:enrolled")
    assert enrolled.data["name"] == "Key on my ring"
    signature = signed_step(told).document["signature"]
    assert signature["factors"] == ["user_name", "passkey_uv"]
    assert signature["assertion"]["credential"] == enrolled.data["credential"]
    assert signature["person"]["id"] == enrolled.data["person"]


@pytest.mark.rule("SEC-06", "REG-A11D-13-1", negative=True)
def test_without_its_user_the_authenticator_signs_nothing(told: Told) -> None:
    assert "passkey was not used" in told.unverified
    assert told.wrong_password["text"].endswith(sentence("signature-secret-wrong", {}))
    assert [one.data["cause"] for one in told.entries("signature:refused")] == ["password_wrong"]


@pytest.mark.rule("REG-P11-70", "REG-A11D-13-1")
def test_a_stranger_checks_the_assertion_without_the_site(told: Told, tmp_path: Path) -> None:
    key = told.house.wired.services.ledger.key.vkey
    code, lines = asked(told.bundle, "--key", key)
    assert (code, offences(lines)) == (0, [])
    assert any(line.startswith("OK") and "signatures" in line and ", 1 by passkey," in line for line in lines)
    keys = json.loads(members(told.bundle)["data/keys.json"])
    assert keys["rp_id"] == "localhost"
    assert keys["origins"] == [f"http://localhost:{told.house.settings.web_port}"]
    program = tmp_path / "verify.py"
    program.write_bytes(members(told.bundle)["verify.py"])
    assert run_alone(told.bundle, program=program).returncode == 0


@pytest.mark.rule("REG-P11-70", "REG-A11-14", "REG-P11-50", negative=True)
@pytest.mark.parametrize("part", PARTS)
def test_one_bit_of_the_assertion_gives_it_away(told: Told, tmp_path: Path, part: str) -> None:
    def flip(document: dict[str, Any]) -> None:
        assertion = document["signature"]["assertion"]
        assertion[part] = flipped(assertion[part], nth=-2)

    found = forged(told, tmp_path, flip)
    assert "passkey" in found


def test_an_assertion_moved_to_another_entry_gives_itself_away(told: Told, tmp_path: Path) -> None:
    def move(document: dict[str, Any]) -> None:
        document["data"]["values"][0]["value"] = "no"

    assert "its statement is not that of this entry" in forged(told, tmp_path, move)


def forged(told: Told, folder: Path, change: Any) -> str:
    """Change the signed entry, bag everything anew, and return what the check of signatures says."""
    files, index = members(told.bundle), signed_step(told).index
    lines = []
    for line in files["data/record.jsonl"].splitlines():
        document = json.loads(line)
        if document["index"] == index:
            change(document)
        lines.append(json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() + b"\n")
    payload = {name: body for name, body in files.items() if name.startswith("data/")}
    payload["data/record.jsonl"] = b"".join(lines)
    info = dict(line.split(": ") for line in files["bag-info.txt"].decode().splitlines())
    broken = folder / told.bundle.name
    broken.write_bytes(zipped(bagged(payload, {"verify.py": files["verify.py"]}, info), f"{script.BATCH}.ebr"))
    code, answers = asked(broken)
    assert code == 1
    return next(line for line in offences(answers) if line.startswith("signatures"))
