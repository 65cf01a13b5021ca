"""The database itself refuses to change the record, whatever connects to it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from mes.errors import Fault, IntegrityBreach
from mes.ids import new_op
from mes.ledger.content import new_content
from mes.ledger.database import open_engine
from mes.ledger.entry import Draft
from mes.ledger.tables import KEYS
from mes.ledger.triggers import install_triggers, missing_triggers
from mes.ledger.verify import verify_ledger
from tests.ledger.builders import DRAIN, NURSE, a_ledger, at, draft, reopened, write


def fill(url: str) -> None:
    """Make a ledger with rows in every table."""
    content, kept = new_content("goes"), new_content("stays")
    shown = b"{}"
    signed = Draft("a:b", {}, signature={"shown": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"})
    both = draft(one=content.as_reference(), two=kept.as_reference())
    with a_ledger(url) as ledger:
        ledger.append(new_op(), [write("batch/B1", both)], actor=NURSE, now=at(1), contents=[content, kept])
        gone = Draft("content:removed", {"content": content.digest, "ground": "retention"})
        ledger.append(new_op(), [write("batch/B1", gone, signed)], actor=NURSE, now=at(2), shown=[shown])
        ledger.append(new_op(), [write("run/R1", *[draft(n=n) for n in range(40)])], actor=DRAIN, now=at(3))
        ledger.checkpoint(at(4))


@contextmanager
def foreign(url: str) -> Iterator[sqlite3.Connection | psycopg.Connection]:
    """Connect as a stranger does: without any of the product's settings."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        assert address.database is not None
        lite = sqlite3.connect(address.database)
        lite.execute("PRAGMA recursive_triggers=OFF")
        yield lite
        lite.close()
    else:
        host = str(address.query["host"])
        with psycopg.connect(host=host, user=address.username, dbname=address.database, autocommit=True) as connection:
            yield connection


STATEMENTS = [
    *[f"DELETE FROM {table}" for table in KEYS],
    *[f"UPDATE {table} SET {keys[0][0]} = {keys[0][0]}" for table, keys in KEYS.items()],
]


@pytest.mark.rule("REG-P11-10e")
@pytest.mark.rule("REG-P11-10c", "REG-ATMP-04", negative=True)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_nothing_is_changed_or_deleted(ledger_url: str, statement: str) -> None:
    fill(ledger_url)
    with foreign(ledger_url) as connection, pytest.raises((sqlite3.IntegrityError, psycopg.Error), match="append-only"):
        connection.execute(statement)


ROW = "rowid, digest, salt, body, media"
REPLACEMENTS = [
    (
        "entry",
        'INSERT OR REPLACE INTO entry (position, gen, "index", stream, seq, type, op_id, op_n, at, body, leaf)'
        " SELECT {position}, gen, {position} - gen * 1099511627776, {stream}, 7, type, {op}, 0, at, body, leaf"
        ' FROM entry WHERE "index" = 1',
    ),
    ("tree_node", "INSERT OR REPLACE INTO tree_node SELECT gen, level, position, zeroblob(32), below FROM tree_node"),
    ("checkpoint", "INSERT OR REPLACE INTO checkpoint SELECT gen, size, at, 'forged' FROM checkpoint"),
    ("content", "INSERT OR REPLACE INTO content SELECT digest, salt, salt, media FROM content"),
    (
        "content",
        f"INSERT OR REPLACE INTO content ({ROW}) SELECT rowid, 'x', salt, salt, 'x' FROM content",
    ),
    ("shown", "INSERT OR REPLACE INTO shown SELECT digest, x'00' FROM shown"),
    ("shown", "INSERT OR REPLACE INTO shown (rowid, digest, body) VALUES (1, 'x', x'00')"),
    ("content_removal", "INSERT OR REPLACE INTO content_removal SELECT digest, position FROM content_removal"),
]


@pytest.mark.parametrize(("table", "statement"), REPLACEMENTS)
def test_insert_or_replace_replaces_nothing(tmp_path: object, table: str, statement: str) -> None:
    """The trap: without recursive_triggers a REPLACE deletes the old row and no DELETE trigger fires."""
    url = f"sqlite:///{tmp_path}/site.sqlite"
    fill(url)
    free = {"position": (1 << 40) + 999, "stream": "'x/free'", "op": "'free'"}
    taken = {"position": (1 << 40) + 1, "stream": "'x/free'", "op": "'free'"}
    with foreign(url) as connection:
        before = connection.execute(f"SELECT * FROM {table}").fetchall()
        if table == "entry":
            connection.execute(statement.format(**free))
            connection.rollback()
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement.format(**taken))
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == before


@pytest.mark.postgres
@pytest.mark.parametrize("table", KEYS)
def test_truncate_and_replication_are_blocked_too(postgres_url: str, table: str) -> None:
    fill(postgres_url)
    with foreign(postgres_url) as connection:
        for statement in (f"TRUNCATE {table} CASCADE", f"DELETE FROM {table}"):
            connection.execute("SET session_replication_role = replica")
            with pytest.raises(psycopg.Error, match="append-only"):
                connection.execute(statement)


@pytest.mark.postgres
def test_an_upsert_updates_nothing(postgres_url: str) -> None:
    fill(postgres_url)
    upsert = "INSERT INTO shown SELECT * FROM shown ON CONFLICT (digest) DO UPDATE SET body = ''"
    with foreign(postgres_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(upsert)


def drop(connection: Connection, name: str, table: str) -> None:
    on = "" if connection.dialect.name == "sqlite" else f" ON {table}"
    connection.execute(text(f"DROP TRIGGER {name}{on}"))


def test_a_missing_trigger_stops_the_start_and_is_put_back(ledger_url: str) -> None:
    fill(ledger_url)
    engine = open_engine(ledger_url)
    with engine.begin() as connection:
        assert missing_triggers(connection) == []
        drop(connection, "entry_no_delete", "entry")
        assert missing_triggers(connection) == ["entry_no_delete"]
    with pytest.raises(Fault, match="ledger-triggers-missing"), reopened(ledger_url):
        pass
    with pytest.raises(IntegrityBreach, match="entry_no_delete"):
        verify_ledger(engine)
    with engine.begin() as connection:
        install_triggers(connection)
        install_triggers(connection)
        assert missing_triggers(connection) == []
    with reopened(ledger_url) as ledger:
        assert ledger.size == 44
    engine.dispose()


WEAKENED = {
    "sqlite": [
        "DROP TRIGGER entry_no_update",
        "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry WHEN 0 BEGIN SELECT RAISE(ABORT, 'never'); END",
    ],
    "postgresql": ["ALTER TABLE entry ENABLE TRIGGER entry_no_update"],
}
MISPLACED = [
    "DROP TRIGGER entry_no_update ON entry",
    "CREATE TRIGGER entry_no_update BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
    "ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_no_update",
]


def check_weakened(url: str, statements: list[str]) -> None:
    fill(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
        assert missing_triggers(connection) == ["entry_no_update"]
        install_triggers(connection)
        assert missing_triggers(connection) == []
    engine.dispose()


def test_a_weakened_trigger_counts_as_missing(ledger_url: str) -> None:
    check_weakened(ledger_url, WEAKENED[ledger_url.partition(":")[0].partition("+")[0]])


@pytest.mark.postgres
def test_a_trigger_on_another_act_counts_as_missing(postgres_url: str) -> None:
    check_weakened(postgres_url, MISPLACED)


@pytest.mark.postgres
def test_a_hollow_trigger_function_counts_as_missing(postgres_url: str) -> None:
    fill(postgres_url)
    engine = open_engine(postgres_url)
    hollow = "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    with engine.begin() as connection:
        connection.execute(text(hollow))
        assert "entry_no_truncate" in missing_triggers(connection)
        install_triggers(connection)
        assert missing_triggers(connection) == []
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM entry"))
    engine.dispose()
