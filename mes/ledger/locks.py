"""The right to write a site's ledger: one process at a time, by an exclusive lock on `<site>/writer.lock`.

On PostgreSQL a session advisory lock is held as well, since another machine does not see this one's files. Take
the lease after fork: a lock that a parent took would be shared with its children.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from mes.errors import Refusal

LEASE_KEY = 0x5E97_1A01
FILE_NAME = "writer.lock"


class WriterLease:
    """Held from `acquire` to `release`, or as a context manager; the file names the process that holds it."""

    def __init__(self, site_folder: Path, engine: Engine | None = None) -> None:
        """`engine` is the ledger's; its advisory lock is taken only on PostgreSQL."""
        self._path = site_folder / FILE_NAME
        self._engine = engine if engine is not None and engine.dialect.name == "postgresql" else None
        self._file: int | None = None
        self._session: Connection | None = None

    def acquire(self) -> Self:
        """Take the lease at once, or refuse with `writer-lock-held` and the holder's process id."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(file, 20, 0).decode(errors="replace").strip()
            os.close(file)
            raise Refusal("writer-lock-held", path=str(self._path), holder=holder or "unknown") from error
        self._file = file
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        if self._engine is not None:
            self._take_session(self._engine)
        return self

    def _take_session(self, engine: Engine) -> None:
        session = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = session.exec_driver_sql(f"SELECT pg_try_advisory_lock({LEASE_KEY})").scalar()
        if not taken:
            session.close()
            self.release()
            raise Refusal("writer-lock-held", path=str(self._path), holder="another session of the database")
        self._session = session

    def is_held(self) -> bool:
        """Whether the lease still stands; False after PostgreSQL ended the session that held it."""
        if self._file is None or self._engine is None:
            return self._file is not None
        if self._session is None:
            return False
        mine = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"  # noqa: S608 - own key
            f" AND objid = {LEASE_KEY} AND granted"
        )
        try:
            return bool(self._session.exec_driver_sql(mine).scalar())
        except OperationalError:
            return False

    def release(self) -> None:
        """Give the lease back; harmless if it is not held."""
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()  # ends the session, and with it the lock
            session.close()
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __enter__(self) -> Self:
        """Acquire."""
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release."""
        self.release()
