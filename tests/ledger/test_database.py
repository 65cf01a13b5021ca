"""The settings that the record depends on are set, read back, and otherwise refused; and who may write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from mes.errors import Fault, Refusal
from mes.ids import new_op
from mes.ledger.database import open_engine
from mes.ledger.locks import WriterLease
from mes.ledger.store import Ledger
from tests.ledger.builders import KEY, NOW, NURSE, SITE, a_ledger, at, write

END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
)
OTHER_PROCESS = """
import sys
from pathlib import Path
from mes.errors import Refusal
from mes.ledger.locks import WriterLease
try:
    WriterLease(Path(sys.argv[1])).acquire()
except Refusal as refusal:
    print(refusal.facts["holder"])
"""


def test_sqlite_commits_survive_a_power_cut(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'site.sqlite'}")
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "secure_delete")
            found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
            assert found == ["wal", 2, 1, 1, 1]
            connection.rollback()
    engine.dispose()


def test_a_database_that_cannot_keep_the_settings_is_refused() -> None:
    engine = open_engine("sqlite:///:memory:")
    with pytest.raises(Fault, match="database-settings") as fault:
        engine.connect()
    assert fault.value.facts == {"setting": "journal_mode", "found": "memory", "wanted": "wal"}
    engine.dispose()


@pytest.mark.postgres
def test_postgresql_commits_wait_for_the_disk(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER ROLE septima SET synchronous_commit = off"))
    engine.dispose()
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        connection.execute(text("ALTER ROLE septima RESET synchronous_commit"))
        connection.commit()
    engine.dispose()


def test_reading_neither_waits_for_the_writer_nor_writes(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        with ledger.read() as reading:
            assert reading.execute(text("SELECT count(*) FROM entry")).scalar() == 1
            ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(1))
            assert reading.execute(text("SELECT count(*) FROM entry")).scalar() == 1
        with ledger.read() as reading:
            assert reading.execute(text("SELECT count(*) FROM entry")).scalar() == 2
        with ledger.read() as reading, pytest.raises(DBAPIError):
            reading.execute(text("CREATE TABLE x (y INTEGER)"))


def test_a_database_that_stays_locked_is_a_fault_and_asking_again_is_safe(tmp_path: Path) -> None:
    engine, other = (open_engine(f"sqlite:///{tmp_path / 'site.sqlite'}") for _ in range(2))
    event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA busy_timeout=1"))
    ledger = Ledger.create(engine, site=SITE, tz="UTC", key=KEY, now=NOW, clock="real", software="x")
    op = new_op()
    with other.begin(), pytest.raises(Fault, match="ledger-unavailable"):
        ledger.append(op, [write("batch/B1")], actor=NURSE, now=at(1))
    made = ledger.append(op, [write("batch/B1")], actor=NURSE, now=at(1))
    assert ledger.append(op, [write("batch/B1")], actor=NURSE, now=at(1)) == made
    assert ledger.size == 2
    ledger.close()
    engine.dispose()
    other.dispose()


@pytest.mark.postgres
def test_a_lost_connection_is_a_fault_and_the_next_append_connects_again(postgres_url: str) -> None:
    op = new_op()
    with a_ledger(postgres_url) as ledger:
        engine = open_engine(postgres_url)
        with engine.begin() as connection:
            connection.execute(text(END_OTHERS))
        engine.dispose()
        with pytest.raises(Fault, match="ledger-unavailable"):
            ledger.append(op, [write("batch/B1")], actor=NURSE, now=at(1))
        (entry,) = ledger.append(op, [write("batch/B1")], actor=NURSE, now=at(1))
        assert entry.index == 1


def test_one_process_holds_the_lease(ledger_url: str, tmp_path: Path) -> None:
    engine = open_engine(ledger_url)
    with WriterLease(tmp_path, engine) as lease:
        assert lease.is_held()
        with pytest.raises(Refusal) as refusal:
            WriterLease(tmp_path, engine).acquire()
        assert refusal.value.code == "writer-lock-held"
        assert refusal.value.facts["holder"] == str(os.getpid())
        command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
        printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert printed.stdout.strip() == str(os.getpid())
    assert not lease.is_held()
    with WriterLease(tmp_path, engine) as again:
        assert again.is_held()
    engine.dispose()


@pytest.mark.postgres
def test_another_machine_is_kept_out_by_the_database(postgres_url: str, tmp_path: Path) -> None:
    engine = open_engine(postgres_url)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with WriterLease(tmp_path / "one", engine) as lease:
        with pytest.raises(Refusal, match="another session"):
            WriterLease(tmp_path / "two", engine).acquire()
        with engine.begin() as connection:
            connection.execute(text(END_OTHERS))
        assert not lease.is_held()
    with WriterLease(tmp_path / "two", engine) as lease:
        assert lease.is_held()
    engine.dispose()
