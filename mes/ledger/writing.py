"""The one connection that writes: the driver's own transaction, which SQLAlchemy joins where something uses it.

Most appends are one INSERT. As a statement of its own it is as atomic and as durable as inside BEGIN and COMMIT,
and spares PostgreSQL two round trips; whoever has more to store calls `begin` first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from mes.errors import Fault


class WritingConnection:
    """A connection held between transactions; its user holds the writer's lock."""

    def __init__(self, engine: Engine) -> None:
        """Nothing is opened before the first turn."""
        driver: Any = engine.dialect.loaded_dbapi
        self._engine = engine
        self._failures: tuple[type[Exception], ...] = (OperationalError, driver.OperationalError)
        self._begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN ISOLATION LEVEL READ COMMITTED"
        self._connection: Connection | None = None
        self._driver: Any = None
        self._is_taken = self._has_begun = False
        self.cursor: Any = None
        """The driver's cursor; without `begin`, each of its statements is a transaction of its own."""

    @property
    def connection(self) -> Connection:
        """Return SQLAlchemy's side of the connection, for use after `begin`."""
        assert self._connection is not None
        return self._connection

    def begin(self) -> None:
        """Begin a transaction unless one is under way in this turn; SQLite waits here for other processes."""
        if not self._has_begun:
            self.cursor.execute(self._begin)
            self._has_begun = True

    def __enter__(self) -> None:
        """Take a turn: what is begun in it is committed at its end, or rolled back where it raises.

        Fault `ledger-unavailable` if the database fails; whether a commit had succeeded is then unknown.
        RuntimeError for a turn inside a turn.
        """
        if self._is_taken:
            raise RuntimeError("an append inside an append")
        if self._connection is None:
            try:
                self._open()
            except self._failures as error:
                raise self._lost(error) from error
        self._is_taken = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the turn."""
        try:
            if isinstance(error, self._failures):
                raise error
            self._end("commit" if error is None else "rollback")
        except self._failures as failure:
            raise self._lost(failure) from failure
        finally:
            self._is_taken = self._has_begun = False

    def _lost(self, error: Exception) -> Fault:
        if self._connection is not None:
            self._connection.invalidate()
        self.give_back()
        return Fault("ledger-unavailable", cause=str(error))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give the connection in a transaction of its own; faults as a turn does."""
        with self:
            self.begin()
            yield self.connection

    def _open(self) -> None:
        connection = self._engine.connect()
        if self._engine.dialect.name == "postgresql":  # `begin` says when, not the driver
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        self._connection, self._driver = connection, connection.connection.driver_connection
        self.cursor = self._driver.cursor()

    def _end(self, how: str) -> None:
        """Commit or roll back; SQLAlchemy's own transaction stands only where a statement went through it."""
        connection = self.connection
        if not connection.in_transaction() and not self._has_begun:
            return  # each statement stood for itself
        end = connection if connection.in_transaction() else self._driver
        try:
            getattr(end, how)()
        except BaseException:
            if how == "commit":
                self._driver.rollback()
            raise

    def give_back(self) -> None:
        """Give the connection back to the engine's pool; the next turn opens another one."""
        connection, self._connection = self._connection, None
        self._driver = self.cursor = None
        if connection is not None:
            connection.close()
