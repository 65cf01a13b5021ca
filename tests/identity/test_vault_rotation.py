"""A vault's key is changed: nobody is lost, wristbands stay known, and a crash at any point is settled."""

import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from mes.app import open_ledger
from mes.cli import main
from mes.errors import IntegrityBreach, Refusal
from mes.identity import key_file
from mes.identity.rotation import named_key, rotate_vault
from mes.identity.vault import DATABASE_FILE, PatientVault
from mes.ids import Op, new_op
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor
from mes.settings import load
from mes.site_process.admin_socket import AdminSocket
from mes.site_process.console import Console
from tests.identity.rekeying_child import OP
from tests.journeys.house import House, build_house

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
CONSOLE = Actor.system("console")
PEOPLE = (("Marie Example", "WB-0001"), ("Jo Other", "WB-0002"), ("Kim Third", "WB-0003"))


def fill(vault: PatientVault) -> dict[str, str]:
    """Put three patients into a vault; return their vault ids by wristband."""
    return {
        band: vault.put(name=name, birth_date="1970-02-03", hospital_number="H-1", wristband=band, today=NOW.date())
        for name, band in PEOPLE
    }


def check(vault: PatientVault, known: dict[str, str]) -> None:
    """Everybody opens, by the same id and the same wristband."""
    for name, band in PEOPLE:
        assert vault.patient_of(band) == known[band]
        assert vault.get(known[band]).name == name


@pytest.fixture
def house(tmp_path: Path):
    made = build_house(tmp_path / "site")
    yield made
    made.close()


def rotate(house: House, vault: PatientVault, op: Op | None = None) -> str:
    ledger = house.wired.services.ledger
    return rotate_vault(vault, ledger, op or new_op(), actor=CONSOLE, reason="yearly", now=ledger.entry(0).at)


@pytest.mark.rule("REG-PRV-01")
def test_a_new_key_opens_everybody_and_the_old_one_nobody(house: House) -> None:
    vault, folder = house.wired.vault, house.settings.keys_dir
    known, old, digests = fill(vault), (folder / "vault.key").read_bytes(), {}
    for _, band in PEOPLE:
        digests[band] = vault.wristband_digest(band)
    before = vault.fingerprint
    after = rotate(house, vault)
    check(vault, known)
    check(PatientVault.open(house.settings.site_dir), known)
    assert {band: vault.wristband_digest(band) for band in digests} == digests
    assert (folder / "vault.key").read_bytes() != old
    assert [path.name for path in folder.glob("vault.key*")] == ["vault.key"]
    entry = house.wired.services.ledger.entry(house.wired.services.ledger.size - 1)
    assert (entry.type, entry.data) == ("site:vault:rekeyed", {"key": after, "previous": before})
    assert entry.document["reason"] == "yearly"
    assert old.hex().encode() not in entry.body
    (folder / "vault.key").write_bytes(old)
    with pytest.raises(IntegrityBreach):
        PatientVault.open(house.settings.site_dir)


def test_rotating_again_and_again_keeps_wristbands(house: House) -> None:
    vault = house.wired.vault
    known = fill(vault)
    fingerprints = {rotate(house, vault) for _ in range(4)}
    assert len(fingerprints) == 4
    check(vault, known)
    assert named_key(house.wired.services.ledger) == vault.fingerprint


def test_a_repeated_operation_changes_the_key_once(house: House) -> None:
    vault, op = house.wired.vault, new_op()
    assert rotate(house, vault, op) == rotate(house, vault, op)
    types = [entry.type for entry in house.wired.services.ledger.entries()]
    assert types.count("site:vault:rekeyed") == 1


def test_a_vault_of_before_keeps_its_wristband_key(house: House) -> None:
    """Vaults made before the wristband key lay in the file derive it from their key, once."""
    vault = house.wired.vault
    known = fill(vault)
    with sqlite3.connect(house.settings.site_dir / DATABASE_FILE) as connection:
        connection.execute("DELETE FROM secret")
    connection.close()
    check(PatientVault.open(house.settings.site_dir), known)
    reopened = PatientVault.open(house.settings.site_dir)
    rotate(house, reopened)
    check(reopened, known)


@pytest.mark.rule("REG-PRV-01", negative=True)
def test_a_refused_entry_leaves_the_old_key_in_force(house: House) -> None:
    vault, folder = house.wired.vault, house.settings.keys_dir
    known, before = fill(vault), (folder / "vault.key").read_bytes()

    def refuses(key: str, previous: str) -> None:
        raise Refusal("stream-held-by-breach")

    with pytest.raises(Refusal):
        vault.rotate(refuses)
    check(vault, known)
    assert (folder / "vault.key").read_bytes() == before
    again = PatientVault.open(house.settings.site_dir, lambda: None)
    check(again, known)
    assert not (folder / key_file.PENDING).exists()


def test_a_pending_key_that_was_cut_short_is_thrown_away(house: House) -> None:
    known, pending = fill(house.wired.vault), house.settings.keys_dir / key_file.PENDING
    pending.write_bytes(b"half")
    check(PatientVault.open(house.settings.site_dir, lambda: None), known)
    assert not pending.exists()


def test_the_command_acts_on_the_running_site(house: House) -> None:
    services, known = house.wired.services, fill(house.wired.vault)
    console = Console(house.settings, services.ledger, services.clock.now, lambda: house.wired.vault)
    door = AdminSocket(house.settings.admin_socket_path, console)
    door.start()
    try:
        site = str(house.settings.site_dir)
        ran = CliRunner().invoke(main, ["vault", "rotate", "--site", site, "--reason", "yearly"])
        missing = CliRunner().invoke(main, ["vault", "rotate", "--site", site, "--reason", " "])
    finally:
        door.stop()
    assert ran.exit_code == 0, ran.output
    assert f"vault key: {house.wired.vault.fingerprint}" in ran.output
    assert missing.exit_code != 0
    check(house.wired.vault, known)
    assert [entry.type for entry in services.ledger.entries()].count("site:vault:rekeyed") == 1


def killed_at(site: Path, nth: int) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.identity.rekeying_child", str(site), str(nth)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode, ran.stdout + ran.stderr


def a_site(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    house = build_house(tmp_path / "site")
    known = fill(house.wired.vault)
    house.close()
    return house.settings.site_dir, known


def after_a_kill(site: Path, copy: Path, known: dict[str, str], nth: int) -> None:
    """Kill the change at its n-th touch: the next start opens everybody, by the key that the ledger names."""
    shutil.copytree(site, copy)
    code, told = killed_at(copy, nth)
    assert code == -9, told
    settings = load(copy)
    engine = open_engine(settings.database)
    ledger = open_ledger(settings, engine)
    try:
        vault = PatientVault.open(copy, lambda: named_key(ledger))
        check(vault, known)
        assert (named_key(ledger) == vault.fingerprint) is bool(ledger.operation(Op(OP)))
        assert not (settings.keys_dir / key_file.PENDING).exists()
        Console(settings, ledger, lambda: NOW, lambda: vault).act("vault.rotate", Op(OP), {"reason": "drill"})
        check(vault, known)
        assert named_key(ledger) == vault.fingerprint
        assert [entry.type for entry in ledger.entries()].count("site:vault:rekeyed") == 1
    finally:
        ledger.close()
        engine.dispose()
    shutil.rmtree(copy)


def touches(site: Path, copy: Path) -> int:
    shutil.copytree(site, copy)
    code, told = killed_at(copy, 10_000)
    assert code == 0, told
    shutil.rmtree(copy)
    return int(told.split()[0])


def test_killed_at_a_few_points_it_is_settled(tmp_path: Path) -> None:
    site, known = a_site(tmp_path)
    count = touches(site, tmp_path / "count")
    assert count > 20
    for nth in (count // 3, count // 2, count - 6):
        after_a_kill(site, tmp_path / f"killed-{nth}", known, nth)


@pytest.mark.campaign
def test_killed_at_every_point_it_is_settled(tmp_path: Path) -> None:
    site, known = a_site(tmp_path)
    for nth in range(1, touches(site, tmp_path / "count") + 1):
        after_a_kill(site, tmp_path / f"killed-{nth}", known, nth)
