"""Backups are whole or refused, restored sites are what the record says, and a drill finds what is not."""

import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from mes.app import open_ledger
from mes.cli import main
from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ids import SiteId, new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Write
from mes.migrations import upgrade
from mes.settings import SiteSettings, write
from mes.site_process.backup.drill import Drill
from mes.site_process.backup.making import make_backup
from mes.site_process.backup.manifest import read_manifest
from mes.site_process.backup.restoring import restore_backup
from mes.site_process.backup.sealing import CHUNK, BackupKey

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)


class Site:
    """A site on either database with some entries."""

    def __init__(self, folder: Path, url: str) -> None:
        from mes.app import create_site

        address = "" if url.startswith("sqlite") else url
        self.settings = SiteSettings(folder, SiteId("site-one"), "UTC", database_url=address)
        write(self.settings)
        self.engine = open_engine(self.settings.database)
        upgrade(self.engine)
        self.ledger = create_site(self.settings, self.engine, NOW)
        self.told = 0
        self.tell(40)

    def tell(self, count: int) -> None:
        for _ in range(count):
            self.told += 1
            draft = Draft("batch:held", {"cause": "person", "note": f"déjà vu {self.told}"}, reason="why")
            now = NOW + timedelta(seconds=self.told)
            self.ledger.append(new_op(), [Write(stream("batch", "B1"), (draft,))], actor=Actor.system("test"), now=now)
        self.ledger.heartbeat(NOW + timedelta(seconds=self.told))

    def close(self) -> None:
        self.ledger.close()
        self.engine.dispose()


@pytest.fixture
def site(tmp_path, ledger_url):
    made = Site(tmp_path / "site", ledger_url)
    yield made
    made.close()


@pytest.fixture
def scratch(site, request):
    """The URL of an empty database to restore into, as the site's kind needs it."""
    if not site.settings.database_url:
        yield ""
        return
    with request.getfixturevalue("postgres_cluster").database() as url:
        yield url


def drilled(site, folder, tmp_path, scratch, witness=None):
    report = Drill(folder, site.settings.keys_dir, tmp_path / "scratch", database_url=scratch).run(witness)
    return report, {step.name: step.wrong for step in report.steps if step.wrong}


@pytest.mark.rule("REG-A11-07", "REG-DI-07", "REG-A11D-16")
def test_a_backup_of_a_living_site_passes_its_drill(site, tmp_path, scratch):
    folder, made = make_backup(site.settings, tmp_path / "backups", NOW)
    site.tell(3)  # the site went on meanwhile
    assert made.size == 42
    report, wrong = drilled(site, folder, tmp_path, scratch, site.ledger.checkpoint_at(made.size))
    assert wrong == {}
    assert report.passed
    assert [step.name for step in report.steps] == [
        "files of the backup", "restore", "whole ledger", "lists made anew", "sealed records",
    ]  # fmt: skip
    assert all(step.seconds >= 0 for step in report.steps)
    assert "PASSED" in report.text()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert (modes, stat.S_IMODE(folder.stat().st_mode)) == ({0o400}, 0o500)


@pytest.mark.rule("REG-P11-10c")
def test_the_restored_site_has_the_same_bytes(site, tmp_path, scratch):
    folder, made = make_backup(site.settings, tmp_path / "backups", NOW)
    settings, _ = restore_backup(folder, BackupKey.of_site(site.settings.keys_dir), tmp_path / "new", scratch)
    for path in site.settings.keys_dir.iterdir():
        shutil.copy2(path, settings.keys_dir / path.name)
    engine = open_engine(settings.database)
    try:
        ledger = open_ledger(settings, engine)
        assert [entry.body for entry in ledger.entries()] == [entry.body for entry in site.ledger.entries(0, made.size)]
        ledger.close()
    finally:
        engine.dispose()


@pytest.mark.rule("REG-A11-07", "REG-DI-07", negative=True)
def test_a_byte_changed_in_any_file_is_found(site, tmp_path, scratch):
    folder, _ = make_backup(site.settings, tmp_path / "backups", NOW)
    folder.chmod(0o700)
    for path in sorted(folder.iterdir()):
        path.chmod(0o600)
        body = path.read_bytes()
        path.write_bytes(body[:-2] + bytes([body[-2] ^ 1]) + body[-1:])
        if path.name.startswith("manifest"):
            with pytest.raises(IntegrityBreach, match=r"manifest\.json was altered"):
                drilled(site, folder, tmp_path / path.name, "")
        else:
            _, wrong = drilled(site, folder, tmp_path / path.name, "")
            assert path.name in str(wrong)
        path.write_bytes(body)


@pytest.mark.rule("REG-A11-07", "REG-DI-07", negative=True)
def test_a_backup_without_the_last_day_is_found_by_a_witness(site, tmp_path, scratch):
    folder, made = make_backup(site.settings, tmp_path / "backups", NOW)
    site.tell(10)
    _, wrong = drilled(site, folder, tmp_path, scratch, site.ledger.latest_checkpoint())
    assert wrong == {
        "whole ledger": [f"the backup ends at {made.size} entries; {site.ledger.size} are known elsewhere"]
    }


@pytest.mark.rule("REG-A11-07", negative=True)
def test_a_list_that_does_not_follow_from_the_ledger_is_found(site, tmp_path, scratch):
    with site.engine.begin() as connection:
        connection.execute(text("INSERT INTO batch_order (site, order_id, product, patient, dose, placed_at)"
                                " VALUES ('site-one', 'O-1', 'p', 'PT-1', '1', 'x')"))  # fmt: skip
    folder, _ = make_backup(site.settings, tmp_path / "backups", NOW)
    _, wrong = drilled(site, folder, tmp_path, scratch)
    assert wrong == {"lists made anew": ["batch_order differs from what the ledger says"]}


@pytest.mark.rule("REG-A11D-16", negative=True)
def test_nobody_but_root_writes_to_a_backup_by_mistake(site, tmp_path, scratch):
    folder, _ = make_backup(site.settings, tmp_path / "backups", NOW)
    with pytest.raises(Refusal, match="backup-exists"):
        make_backup(site.settings, tmp_path / "backups", NOW)
    child = os.fork()
    if child == 0:  # as another user than root, who may write anything
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            (folder / "manifest.json").open("ab").close()
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_what_is_no_backup_and_what_is_no_place_is_refused(site, tmp_path, scratch):
    key = BackupKey.of_site(site.settings.keys_dir, create=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refusal, match="backup-missing"):
        read_manifest(tmp_path / "empty", key)
    folder, _ = make_backup(site.settings, tmp_path / "backups", NOW)
    with pytest.raises(Refusal, match="restore-place-taken"):
        restore_backup(folder, key, site.settings.site_dir)
    with pytest.raises(IntegrityBreach, match="another site"):
        read_manifest(folder, BackupKey(bytes(32)))
    (site.settings.keys_dir / "backup.key").unlink()
    with pytest.raises(Fault, match="backup-key-unusable"):
        BackupKey.of_site(site.settings.keys_dir)


def test_the_postgresql_copy_needs_a_database(site, tmp_path, scratch):
    folder, made = make_backup(site.settings, tmp_path / "backups", NOW)
    if made.database == "sqlite":
        assert "site.sqlite.sealed" in {part.name for part in made.parts}
        return
    with pytest.raises(Refusal, match="restore-database-needed"):
        restore_backup(folder, BackupKey.of_site(site.settings.keys_dir), tmp_path / "new")


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_files_of_every_size_come_back(tmp_path, size):
    key, plain = BackupKey(bytes(range(32))), tmp_path / "plain"
    plain.write_bytes(os.urandom(size))
    key.seal(plain, tmp_path / "sealed", "a")
    key.open(tmp_path / "sealed", tmp_path / "opened", "a")
    assert (tmp_path / "opened").read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("cut", [1, 17, CHUNK + 16])
def test_a_cut_or_renamed_file_is_refused(tmp_path, cut):
    key, plain = BackupKey(bytes(range(32))), tmp_path / "plain"
    plain.write_bytes(os.urandom(2 * CHUNK))
    key.seal(plain, tmp_path / "sealed", "a")
    with pytest.raises(IntegrityBreach):
        key.open(tmp_path / "sealed", tmp_path / "opened", "b")
    body = (tmp_path / "sealed").read_bytes()
    (tmp_path / "sealed").write_bytes(body[:-cut])
    with pytest.raises(IntegrityBreach):
        key.open(tmp_path / "sealed", tmp_path / "cut", "a")


def test_the_commands_record_what_was_done(site, tmp_path, scratch):
    site.ledger.close()
    asked = ["--site", str(site.settings.site_dir)]
    made = CliRunner().invoke(main, ["backup", "make", *asked, "--to", str(tmp_path / "backups")])
    assert made.exit_code == 0, made.output
    folder = next((tmp_path / "backups").iterdir())
    drilled = CliRunner().invoke(main, ["backup", "drill", *asked, str(folder), "--database", scratch])
    assert drilled.exit_code == 0, drilled.output
    assert "PASSED" in drilled.output
    told = {entry.type: entry.data for entry in site.ledger.entries() if entry.type.startswith(("site:b", "site:r"))}
    assert told["site:backup:made"]["size"] == 42
    assert told["site:restore:drilled"]["outcome"] == "passed"
    assert told["site:restore:drilled"]["manifest"] == told["site:backup:made"]["manifest"]
    (report,) = (site.settings.site_dir / "drills").iterdir()
    assert sha256(report.read_bytes()).hexdigest() == told["site:restore:drilled"]["report"]


def test_a_failed_drill_is_recorded_as_failed_and_ends_with_1(site, tmp_path, scratch):
    folder, _ = make_backup(site.settings, tmp_path / "backups", NOW)
    part = next(folder.glob("site.*.sealed"))
    part.chmod(0o600)
    part.write_bytes(b"")
    site.ledger.close()
    done = CliRunner().invoke(main, ["backup", "drill", "--site", str(site.settings.site_dir), str(folder)])
    assert done.exit_code == 1
    assert f"{part.name} is not the file that was backed up" in done.output
    outcomes = [entry.data["outcome"] for entry in site.ledger.entries() if entry.type == "site:restore:drilled"]
    assert outcomes == ["failed"]
