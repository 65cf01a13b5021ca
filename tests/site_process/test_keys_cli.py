"""`mes keys`: a site's keys backed up, lost, restored, rotated under a kill at every point, retired and revoked."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mes.app import open_ledger
from mes.clock import Conductor
from mes.ledger.database import open_engine
from mes.ledger.keys import SiteKey
from mes.ledger.notes import parse_note
from mes.ledger.verify import verify_ledger
from mes.settings import load
from mes.site_process.console import console_of
from tests.site_process.test_cli import START, mes, refused

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "site"
    folder.mkdir()
    Conductor(folder / "clock.json", START)
    status, printed = mes("site", "create", "--site", folder, "--id", "key-site", "--demo")
    assert status == 0, printed
    return folder


@pytest.fixture
def site(made, tmp_path):
    """Give a copy of a fresh site."""
    return shutil.copytree(made, tmp_path / "site")


def entries(site: Path):
    settings = load(site)
    engine = open_engine(settings.database)
    ledger = open_ledger(settings, engine)
    found = list(ledger.entries())
    note = ledger.latest_checkpoint()
    ledger.close()
    engine.dispose()
    return found, note


def verified(site: Path):
    engine = open_engine(load(site).database)
    try:
        return verify_ledger(engine)
    finally:
        engine.dispose()


def run(*words: object) -> str:
    status, printed = mes("keys", *words)
    assert status == 0, printed
    return printed


@pytest.mark.rule("SEC-48", "FLT-43")
def test_lost_keys_come_back_from_two_shares(site, tmp_path):
    out = tmp_path / "backup"
    assert "share-3.txt" in run("backup", "--site", site, "--out", out)
    before = {path.name: path.read_bytes() for path in (site / "keys").iterdir()}
    assert {"site.key", "credentials.key", "vault.key"} <= before.keys()
    shutil.rmtree(site / "keys")
    refused(*mes("keys", "rotate", "--site", site, "--reason", "x"), "key-file-missing")
    words = ("restore", "--site", site, "--archive", out / "keys.archive", "--reason", "disk lost")
    printed = run(*words, "--share", out / "share-1.txt", "--share", out / "share-3.txt")
    assert "vault.key" in printed
    assert {path.name: path.read_bytes() for path in (site / "keys").iterdir()} == before
    (*_, backed, restored), _ = entries(site)
    assert (backed.type, restored.type) == ("site:key:backed_up", "site:key:restored")
    assert set(backed.data["files"]) == set(restored.data["files"]) == set(before)
    assert restored.document["actor"] == {"kind": "system", "id": "console"}
    assert restored.document["reason"] == "disk lost"


@pytest.mark.rule("SEC-47", negative=True)
def test_neither_ledger_nor_output_holds_a_secret(site, tmp_path):
    printed = run("backup", "--site", site, "--out", tmp_path / "out")
    printed += run("rotate", "--site", site, "--reason", "yearly")
    database = b"".join(path.read_bytes() for path in site.glob("site.sqlite*"))
    for path in (site / "keys").iterdir():
        body = path.read_bytes()  # 32 raw bytes, or the private form of a signed note's key
        secret = body.strip().split(b"+", 4)[4] if body.startswith(b"PRIVATE+KEY+") else body
        assert len(secret) >= 32
        assert secret not in database + printed.encode()


@pytest.mark.rule("SEC-48", "FLT-43", negative=True)
def test_what_does_not_restore_is_said(site, tmp_path):
    out = tmp_path / "backup"
    run("backup", "--site", site, "--out", out)
    words = ("keys", "restore", "--site", site, "--archive", out / "keys.archive", "--reason", "x", "--share")
    refused(*mes(*words, out / "share-1.txt"), "shares-too-few")
    refused(*mes(*words, out / "share-1.txt", "--share", out / "share-2.txt"), "keys-exist")
    (out / "share-2.txt").write_text(
        (out / "share-2.txt").read_text().replace("septima-share-1 2", "septima-share-1 3")
    )
    status, printed = mes(*words, out / "share-1.txt", "--share", out / "share-2.txt")
    refused(status, printed, "share-damaged")
    assert "share-2.txt" in printed
    refused(*mes("keys", "backup", "--site", site, "--out", out), "key-backup-exists")


@pytest.mark.rule("SEC-48")
def test_a_rotation_overlaps_until_it_ends_by_time(site):
    old = SiteKey.load(site / "keys" / "site.key")
    printed = run("rotate", "--site", site, "--reason", "yearly")
    assert "for 30 days" in printed
    assert f"earlier: {old.vkey}  named by entry 0, signs" in printed
    (*_, rotated), note = entries(site)
    assert (rotated.type, rotated.document["reason"]) == ("site:key:rotated", "yearly")
    assert len(parse_note(note).signatures) == 2
    conductor = Conductor(site / "clock.json", START)
    settings = load(site)
    with console_of(settings) as console:
        assert not console.retire_due()
    conductor.hand_over(START + timedelta(days=30))
    conductor.hold()
    with console_of(settings) as console:
        assert console.retire_due()
        assert not console.retire_due()
    (*_, retired), note = entries(site)
    assert retired.type == "site:key:retired"
    assert len(parse_note(note).signatures) == 1
    assert verified(site).checkpoints == 2
    refused(*mes("keys", "retire", "--site", site, "--reason", "again"), "no-key-overlaps")


@pytest.mark.rule("SEC-48")
def test_an_overlap_may_be_ended_by_hand(site):
    run("rotate", "--site", site, "--reason", "yearly")
    assert "retired" in run("retire", "--site", site, "--reason", "everybody has the new key")
    assert len(parse_note(entries(site)[1]).signatures) == 1
    assert run("list", "--site", site).count("septima/key-site/1+") == 2


@pytest.mark.rule("SEC-48", "TE-20", negative=True)
def test_a_compromised_key_is_replaced_at_once(site):
    old = SiteKey.load(site / "keys" / "site.key")
    printed = run(
        "revoke", "--site", site, "--key", old.vkey, "--since", START.isoformat(), "--reason", "laptop stolen"
    )
    assert "revoked after 0 entries" in printed
    (*_, rotated, revoked), note = entries(site)
    assert (rotated.type, revoked.type) == ("site:key:rotated", "site:key:revoked")
    assert rotated.op == revoked.op
    assert [line.key_id for line in parse_note(note).signatures] != [old.verifier.key_id]
    assert len(parse_note(note).signatures) == 1
    assert verified(site).on_revoked == ()
    again = ("keys", "revoke", "--site", site, "--key", old.vkey, "--reason", "x", "--since")
    refused(*mes(*again, START.isoformat()), "key-revoked-already")
    refused(*mes(*again, (START + timedelta(days=1)).isoformat()), "time-in-future")
    refused(*mes(*again, "yesterday"), "console-fact-wrong")
    refused(*mes("keys", "rotate", "--site", site, "--reason", " "), "reason-missing")


def killed_at(site: Path, nth: int) -> bool:
    """Rotate in a process that is killed at its n-th touch of the keys; False once it lived to the end."""
    command = [sys.executable, "-m", "tests.site_process.rotating_child", str(site), str(nth)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, timeout=60)
    assert ran.returncode in (0, -9), ran.stderr
    return ran.returncode == -9


def survives(site: Path, nth: int) -> bool:
    was_killed = killed_at(site, nth)
    found, _ = entries(site)  # opens: the start resolves what was left
    named = [one for one in found if one.type == "site:key:rotated"]
    names = {path.name for path in (site / "keys").glob("site.key*")}
    assert names == ({"site.key", "site.key.1"} if named else {"site.key"})
    run("rotate", "--site", site, "--reason", "after the crash")
    assert verified(site).signed_size == verified(site).size
    assert run("list", "--site", site).count("present: ") == 1
    return was_killed


@pytest.mark.rule("SEC-48")
@pytest.mark.parametrize("nth", [2, 6])
def test_a_rotation_survives_a_kill(site, nth):
    assert survives(site, nth)


@pytest.mark.campaign
@pytest.mark.rule("SEC-48")
def test_a_rotation_survives_a_kill_at_every_point(made, tmp_path):
    for nth in range(1, 100):
        if not survives(shutil.copytree(made, tmp_path / f"site-{nth}"), nth):
            break
    assert 5 < nth < 60
