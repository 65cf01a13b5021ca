"""What a site looks at before it begins: what is wrong stops the start, with a sentence and a next action."""

import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from click.testing import CliRunner

from mes.app import open_ledger
from mes.cli import main
from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ids import SiteId, new_op
from mes.ledger.breach import BreachLog
from mes.ledger.database import open_engine
from mes.ledger.disk import Disk
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.store import Ledger
from mes.migrations import configuration, upgrade
from mes.settings import Profile, SiteSettings, write
from mes.site_process.self_check import (
    Line,
    Standing,
    acknowledge_clock,
    demand,
    demanded,
    look,
    record_start,
)
from mes.site_process.settings_read_back import check_settings, read_back
from tests.ledger.forging import as_owner, cut, flip, own_hash_too, removed, row, sql
from tests.site_process.rows import rows_of

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DRAIN = Actor.system("drain")
NAMES = (
    "key files", "disk", "holds", "database settings", "schema", "guards", "whose ledger", "tail", "kept checkpoint",
    "clock",
)  # fmt: skip


def disk(used: int) -> Disk:
    """Return a disk that is so many percent full."""
    return Disk(
        [Path("/")], lambda _: os.statvfs_result((4096, 4096, 1000, 1000 - 10 * used, 1000 - 10 * used, *[0] * 5))
    )


class Site:
    """A small site in a folder, on either database, with its ledger closed."""

    def __init__(self, folder: Path, url: str, site: str = "site-one") -> None:
        self.settings = SiteSettings(folder, SiteId(site), "Europe/Brussels", Profile.DEMO, url)
        write(self.settings)
        engine = open_engine(self.settings.database)
        upgrade(engine)
        from mes.app import create_site

        create_site(self.settings, engine, NOW).close()
        engine.dispose()

    def grow(self, entries: int, *, signed: bool = True) -> None:
        """Append entries an instant apart and sign them."""
        engine = open_engine(self.settings.database)
        ledger = open_ledger(self.settings, engine)
        for n in range(entries):
            write_ = Write(ledger.site_stream if n % 2 else _batch(n), (Draft("test:fact:noted", {"n": n}),))
            ledger.append(new_op(), [write_], actor=DRAIN, now=NOW)
        if signed:
            ledger.checkpoint(NOW)
        ledger.close()
        engine.dispose()

    def opened(self) -> tuple[Ledger, object]:
        """Open the ledger for writing."""
        engine = open_engine(self.settings.database)
        return open_ledger(self.settings, engine), engine

    def altered(self, *acts: object) -> None:
        """Do what the database's owner can do."""
        engine = open_engine(self.settings.database)
        with as_owner(engine) as connection:
            for act in acts:
                act(connection)
        engine.dispose()

    def lines(self, now: datetime = NOW, used: int = 10) -> list[Line]:
        """Look at everything."""
        engine = open_engine(self.settings.database, read_only=True)
        try:
            return look(self.settings, engine, now, disk(used))
        finally:
            engine.dispose()

    def refused(self, now: datetime = NOW) -> tuple[str, Exception]:
        """Return name and error of the line that is refused; there must be one."""
        (line,) = [line for line in self.lines(now) if line.standing is Standing.REFUSED]
        assert line.error is not None
        assert len(line.says) > 40, "a sentence"
        return line.name, line.error

    def noted(self, now: datetime = NOW, used: int = 10) -> dict[str, str]:
        """Return what is noted, by name; nothing may be refused."""
        lines = self.lines(now, used)
        assert not [line for line in lines if line.error]
        return {line.name: line.says for line in lines if line.standing is Standing.NOTED}


def _batch(n: int) -> object:
    from mes.ids import stream

    return stream("batch", f"B{n % 3}")


@pytest.fixture
def site(tmp_path: Path, ledger_url: str) -> Site:
    """Give a site with forty entries, signed, on each database."""
    made = Site(tmp_path / "site", ledger_url)
    made.grow(40)
    return made


@pytest.fixture
def local(tmp_path: Path) -> Site:
    """Give such a site on its embedded database."""
    made = Site(tmp_path / "site", "")
    made.grow(40)
    return made


@pytest.mark.rule("REL-01")
def test_a_sound_site_has_ten_good_lines(site: Site) -> None:
    lines = site.lines(NOW + HOUR)
    assert [(line.name, line.standing) for line in lines] == [(name, Standing.GOOD) for name in NAMES]
    assert demand(lines, BreachLog(None)) == []


@pytest.mark.rule("REL-01")
def test_the_settings_are_read_back_from_the_database(local: Site) -> None:
    says = {line.name: line.says for line in local.lines()}
    assert "journal_mode=wal, synchronous=FULL" in says["database settings"]
    assert "fullfsync" not in says["database settings"]


@pytest.mark.rule("REL-01", negative=True)
def test_production_refuses_a_postgresql_that_does_not_sync(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    assert "fsync=off" in read_back(engine, is_production=False)
    with pytest.raises(Fault, match="database-settings") as refused:
        read_back(engine, is_production=True)
    assert refused.value.facts == {"setting": "fsync", "found": "off", "wanted": "on"}
    engine.dispose()


@pytest.mark.parametrize("missing", ["fsync", "full_page_writes", "synchronous_commit", None])
def test_each_durability_setting_is_demanded(missing: str | None) -> None:
    wanted = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "on")
    found = {**wanted, "data_checksums": "off", **({missing: "off"} if missing else {})}
    if missing is None:
        check_settings(found, wanted)
    else:
        with pytest.raises(Fault, match=missing):
            check_settings(found, wanted)


ALTERED = [
    ("a bit in the last page", flip(40), "tail", "leaf hash"),
    ("a bit a little before", flip(30), "tail", "leaf hash"),
    ("an entry gone", removed(33), "tail", "missing"),
    ("another stream in a row", row(38, stream="batch/B9"), "tail", "another place"),
    ("an entry with its hash", own_hash_too(35), "tail", "signed"),
    ("the tail cut", cut(30), "tail", "signed"),
    ("the tree gone", sql("DELETE FROM tree_node"), "tail", "gap"),
    ("the tail cut with its checkpoint", (cut(30), sql("DELETE FROM checkpoint")), "kept checkpoint", "ledger-older"),
]


@pytest.mark.rule("FLT-10", "FLT-11", "REL-P4", negative=True)
@pytest.mark.parametrize(("act", "name", "what"), [one[1:] for one in ALTERED], ids=[one[0] for one in ALTERED])
def test_a_damaged_or_shortened_store_does_not_start(site: Site, act: object, name: str, what: str) -> None:
    site.altered(*(act if isinstance(act, tuple) else (act,)))
    found, error = site.refused()
    assert found == name
    assert what in str(error)
    with pytest.raises((IntegrityBreach, Refusal)):
        demanded(site.settings, NOW)
    held = BreachLog(site.settings.breach_path).held
    assert held == ({"*"} if isinstance(error, IntegrityBreach) else set())


@pytest.mark.rule("FLT-12", negative=True)
def test_the_database_of_another_site_does_not_start(site: Site) -> None:
    other = SiteSettings(site.settings.site_dir, SiteId("site-two"), "UTC", Profile.DEMO, site.settings.database_url)
    engine = open_engine(other.database, read_only=True)
    (line,) = [line for line in look(other, engine, NOW, disk(1)) if line.error]
    engine.dispose()
    assert (line.name, str(line.error)) == (
        "whose ledger", "ledger-of-another-site (expected=site-two, found=site-one)",
    )  # fmt: skip


def copied(site: Site, to: Path) -> None:
    """Copy the database as it lies there, WAL and all."""
    for path in site.settings.site_dir.glob("site.sqlite*"):
        shutil.copy(path, to / path.name)


def put_back(site: Site, copy: Path) -> None:
    """Replace the database by a copy."""
    for path in site.settings.site_dir.glob("site.sqlite*"):
        path.unlink()
    for path in copy.glob("site.sqlite*"):
        shutil.copy(path, site.settings.site_dir / path.name)


@pytest.mark.rule("FLT-13", "TE-18", "REL-P5", negative=True)
def test_last_weeks_database_does_not_start_and_the_newest_does(local: Site, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    copied(local, old)
    local.grow(20)
    copied(local, new)
    put_back(local, old)
    name, error = local.refused(NOW + 7 * DAY)
    assert name == "kept checkpoint"
    assert str(error).startswith("ledger-older-copy (found=41, kept=61")
    with pytest.raises(Refusal, match="ledger-older-copy"):
        local.opened()
    put_back(local, new)
    assert not [line for line in local.lines() if line.error]


@pytest.mark.rule("FLT-11", negative=True)
@pytest.mark.parametrize("loss", ["deleted", "emptied", "truncated", "no wal, no shm"])
def test_a_lost_wal_does_not_start(local: Site, tmp_path: Path, loss: str) -> None:
    """The copy is taken while the site runs, as a crash leaves it: the newest entries lie in the WAL alone."""
    ledger, engine = local.opened()
    for n in range(30):
        ledger.append(new_op(), [Write(ledger.site_stream, (Draft("a:b", {"n": n}),))], actor=DRAIN, now=NOW)
    ledger.checkpoint(NOW)
    copied(local, tmp_path)
    ledger.close()
    engine.dispose()
    put_back(local, tmp_path)
    wal, shm = (local.settings.site_dir / f"site.sqlite-{end}" for end in ("wal", "shm"))
    assert wal.stat().st_size > 30_000
    if loss == "emptied":
        wal.write_bytes(b"")
    elif loss == "truncated":
        os.truncate(wal, wal.stat().st_size // 2)
    else:
        wal.unlink()
    if loss != "deleted":
        shm.unlink(missing_ok=True)
    name, error = local.refused()
    assert (name, type(error)) in [("kept checkpoint", Refusal), ("tail", IntegrityBreach)]


@pytest.mark.rule("FLT-10", negative=True)
def test_a_torn_database_file_is_called_damaged(local: Site) -> None:
    path = local.settings.site_dir / "site.sqlite"
    body = bytearray(path.read_bytes())
    body[4096 : len(body)] = os.urandom(len(body) - 4096)
    path.write_bytes(body)
    (line, *_) = [line for line in local.lines() if line.error]
    assert "[database-damaged]" in line.says
    assert "restore the newest backup" in line.says


@pytest.mark.rule("FLT-42", negative=True)
@pytest.mark.parametrize(("revision", "code"), [("9999", "schema-newer"), ("0001", "schema-older")])
def test_a_schema_of_another_program_does_not_start(site: Site, revision: str, code: str) -> None:
    site.altered(sql(f"UPDATE alembic_version SET version_num = '{revision}'"))
    name, error = site.refused()
    assert name == "schema"
    assert str(error).startswith(code)


@pytest.mark.rule("REL-01", negative=True)
def test_lost_guards_do_not_start(local: Site) -> None:
    database = sqlite3.connect(local.settings.site_dir / "site.sqlite")
    database.execute("DROP TRIGGER entry_no_update")
    database.commit()
    database.close()
    name, error = local.refused()
    assert name == "guards"
    assert "entry_no_update" in str(error)


@pytest.mark.rule("SEC-47", negative=True)
def test_a_key_that_others_can_read_does_not_start(local: Site) -> None:
    opcua = local.settings.keys_dir / "opcua"
    opcua.mkdir(mode=0o755)
    (opcua / "collector.der").touch(0o644)
    assert not [line for line in local.lines() if line.error], "certificates are public"
    local.settings.credential_key_path.chmod(0o640)
    name, error = local.refused()
    assert name == "key files"
    assert error.facts["mode"] == "0640"


@pytest.mark.rule("FLT-17", negative=True)
@pytest.mark.parametrize("off", [-25 * HOUR, -400 * DAY, 31 * DAY, 4_000 * DAY], ids=str)
def test_a_clock_far_from_the_record_does_not_start_until_acknowledged(local: Site, off: timedelta) -> None:
    now = NOW + off
    name, error = local.refused(now)
    assert name == "clock"
    assert str(error).startswith("clock-far-from-record")
    engine = open_engine(local.settings.database, read_only=True)
    acknowledge_clock(local.settings, engine, now)
    engine.dispose()
    noted = demand(local.lines(now), BreachLog(local.settings.breach_path))
    ledger, engine = local.opened()
    size = ledger.size
    record_start(ledger, noted, now)
    types = [entry.type for entry in ledger.entries(size)]
    steps = ["site:clock:stepped"] if off < timedelta(0) else []
    assert types == [*steps, "site:check:passed", "site:clock:acknowledged"]
    ledger.append(new_op(), [Write(ledger.site_stream, (Draft("a:b", {}),))], actor=DRAIN, now=now)
    ledger.close()
    engine.dispose()
    assert "clock" not in local.noted(now), "the record has the new time now"


@pytest.mark.rule("FLT-17")
@pytest.mark.parametrize(
    ("off", "says"),
    [
        (timedelta(0), None), (HOUR, None), (23 * HOUR, None), (2 * DAY, "nothing was recorded for 2 days"),
        (29 * DAY, "nothing was recorded"), (-2 * HOUR, "step back is recorded"), (-23 * HOUR, "step back"),
    ],
    ids=str,
)  # fmt: skip
def test_a_clock_that_is_a_little_off_is_noted_at_most(local: Site, off: timedelta, says: str | None) -> None:
    noted = local.noted(NOW + off)
    assert (says is None) == ("clock" not in noted)
    assert says is None or says in noted["clock"]


def test_an_acknowledgement_holds_for_its_last_entry_alone(local: Site) -> None:
    engine = open_engine(local.settings.database, read_only=True)
    acknowledge_clock(local.settings, engine, NOW - 2 * DAY)
    engine.dispose()
    assert "acknowledged" in local.noted(NOW - 2 * DAY)["clock"]
    (local.settings.site_dir / "clock-acknowledged.json").write_text(json.dumps({"last_entry_at": "2020"}))
    assert local.refused(NOW - 2 * DAY)[0] == "clock"


@pytest.mark.rule("SEC-34", "REL-01")
@pytest.mark.parametrize(
    ("used", "says"),
    [(79, None), (80, "free space before"), (94, "before"), (95, "nothing can be signed"), (100, "95")],
)
def test_a_full_disk_is_noted_and_does_not_stop_a_start(local: Site, used: int, says: str | None) -> None:
    noted = local.noted(used=used)
    assert (says is None) == ("disk" not in noted)
    assert says is None or says in noted["disk"]


def test_a_start_enters_only_what_is_worth_knowing(local: Site) -> None:
    ledger, engine = local.opened()
    size = ledger.size
    record_start(ledger, [], NOW)
    assert ledger.size == size
    record_start(ledger, ["disk: 83 % used"], NOW + HOUR)
    entry = ledger.entry(size)
    assert (entry.type, entry.data["kind"], entry.data["noted"]) == ("site:check:passed", "start", ["disk: 83 % used"])
    ledger.breaches.record(IntegrityBreach("x"), None)
    record_start(ledger, ["holds: everything"], NOW + HOUR)
    assert ledger.size == size + 1
    ledger.close()
    engine.dispose()


def mes(*words: object) -> tuple[int, str]:
    """Run one command in this process."""
    ran = CliRunner().invoke(main, [str(word) for word in words])
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.exit_code, ran.output


@pytest.fixture
def today(local: Site) -> Site:
    """Give the site an entry of the real now, since commands ask the machine's clock."""
    from mes.clock import SystemClock

    ledger, engine = local.opened()
    write_ = Write(ledger.site_stream, (Draft("a:b", {}),))
    ledger.append(new_op(), [write_], actor=DRAIN, now=SystemClock().now())
    ledger.close()
    engine.dispose()
    return local


def test_the_command_prints_a_line_for_each_thing(today: Site) -> None:
    status, printed = mes("site", "check", "--site", today.settings.site_dir)
    assert status == 0, printed
    assert [line.split(":")[0].split(maxsplit=1)[1] for line in printed.splitlines()] == list(NAMES)
    today.settings.site_key_path.chmod(0o644)
    today.altered(cut(20))
    status, printed = mes("site", "check", "--site", today.settings.site_dir)
    assert status == 1
    assert "refused       key files:" in printed
    assert "refused       tail: The record contradicts itself" in printed
    assert "not looked at clock: an earlier line has to be settled first" in printed


@pytest.mark.rule("REL-P4")
def test_a_hold_ends_only_when_the_record_verifies_and_with_a_reason(today: Site) -> None:
    folder, log = today.settings.site_dir, BreachLog(today.settings.breach_path)
    log.record(IntegrityBreach("a bit", index=3, stream="batch/B1"), None)
    assert (
        "held"
        in dict(line.split(": ", 1) for line in mes("site", "check", "--site", folder)[1].splitlines())[
            "noted         holds"
        ]
    )
    assert "nothing-held" in mes("site", "release", "--site", folder, "--stream", "batch/B2", "--reason", "x")[1]
    assert "reason-missing" in mes("site", "release", "--site", folder, "--stream", "batch/B1", "--reason", " ")[1]
    today.altered(flip(4))
    assert "integrity-breach" in mes("site", "release", "--site", folder, "--stream", "batch/B1", "--reason", "x")[1]
    assert BreachLog(today.settings.breach_path).held >= {"batch/B1"}
    today.altered(flip(4))
    status, printed = mes("site", "release", "--site", folder, "--stream", "batch/B1", "--reason", "QA-2026-7")
    assert status == 0, printed
    assert BreachLog(today.settings.breach_path).held == set()
    ledger, engine = today.opened()
    last = ledger.entry(ledger.size - 1)
    assert (last.type, last.data, last.document["reason"]) == (
        "site:hold:released", {"held": "batch/B1"}, "QA-2026-7",
    )  # fmt: skip
    ledger.close()
    engine.dispose()


@pytest.mark.rule("FLT-42")
def test_an_older_schema_is_upgraded_by_command_and_its_new_lists_are_filled(today: Site) -> None:
    engine = open_engine(today.settings.database)
    before = rows_of(engine)
    assert before["trail"]
    command.downgrade(configuration(engine), "0001")
    assert "trail" not in rows_of(engine)
    assert mes("site", "upgrade", "--site", today.settings.site_dir)[1].startswith("schema 0002")
    assert rows_of(engine) == before
    engine.dispose()
