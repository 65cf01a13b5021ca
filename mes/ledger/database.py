"""Opens the site's database with the settings that the record depends on, and reads them back."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql import ClauseElement

from mes.errors import Fault

BUSY_MS = 10_000
SQLITE_SETTINGS: dict[str, str | int] = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a commit that was answered survives a power cut
    "busy_timeout": BUSY_MS,
    "foreign_keys": 1,
    "recursive_triggers": 1,  # else INSERT OR REPLACE passes the DELETE trigger
    "secure_delete": 1,  # removed content is overwritten, not only unlinked
}
POSTGRESQL_FLOOR = 150_000


def open_engine(url: str | URL, *, read_only: bool = False) -> Engine:
    """Return an engine on SQLite (`sqlite:///path`) or PostgreSQL 15+ (`postgresql+psycopg://...`).

    Every connection's settings are set and read back; a difference is Fault `database-settings`. On SQLite each
    transaction of a writing engine begins IMMEDIATE; a read-only engine never waits for the writer.
    """
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, poolclass=QueuePool, pool_size=16, max_overflow=32)
        _listen_sqlite(engine, read_only)
    else:
        isolation = "REPEATABLE READ" if read_only else "READ COMMITTED"
        engine = create_engine(address, pool_size=16, max_overflow=32, isolation_level=isolation)
        _listen_postgresql(engine, read_only)
    return engine


def _listen_sqlite(engine: Engine, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def connected(driver: sqlite3.Connection, _record: Any) -> None:
        driver.isolation_level = None  # the driver must not begin transactions of its own
        for name, wanted in SQLITE_SETTINGS.items():
            driver.execute(f"PRAGMA {name}={wanted}")
        for name, wanted in SQLITE_SETTINGS.items():
            (found,) = driver.execute(f"PRAGMA {name}").fetchone()
            if found != wanted:
                raise Fault("database-settings", setting=name, found=str(found), wanted=str(wanted))
        if read_only:
            driver.execute("PRAGMA query_only=1")

    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if driver.in_transaction:  # the writer began it and SQLAlchemy joins (writing.py)
            return
        try:
            driver.execute(begin)
        except sqlite3.OperationalError as error:
            raise OperationalError(begin, None, error) from error


def _listen_postgresql(engine: Engine, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def connected(driver: Any, _record: Any) -> None:
        if driver.info.server_version < POSTGRESQL_FLOOR:
            raise Fault(
                "database-settings", setting="server_version", found=str(driver.info.server_version), wanted="15"
            )
        settings = {"synchronous_commit": "on", "client_encoding": "UTF8", "TimeZone": "UTC"}
        if read_only:
            settings["default_transaction_read_only"] = "on"
        with driver.cursor() as cursor:
            for name, wanted in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, wanted))
            for name, wanted in {**settings, "server_encoding": "UTF8"}.items():
                (found,) = cursor.execute("SELECT current_setting(%s)", (name,)).fetchone()
                if found != wanted:
                    raise Fault("database-settings", setting=name, found=found, wanted=wanted)
        driver.commit()


class Prepared:
    """A Core statement with positional parameters, compiled once and run by the driver itself.

    The append path pays neither for compiling nor for a result layer; the errors are the driver's own
    (`dialect.loaded_dbapi`).
    """

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        """`statement` names its parameters with bindparam, in the order in which values are given."""
        style: Any = "qmark" if dialect.name == "sqlite" else "format"
        positional: Any = type(dialect)
        self._text = str(statement.compile(dialect=positional(paramstyle=style)))

    def run(self, cursor: Any, row: Sequence[Any]) -> None:
        """Execute once on the driver's cursor."""
        cursor.execute(self._text, row)

    def run_each(self, cursor: Any, rows: Sequence[Sequence[Any]]) -> None:
        """Execute once per row; nothing for no row."""
        if rows:
            cursor.executemany(self._text, rows)
