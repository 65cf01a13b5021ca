"""One real PostgreSQL cluster per test run, shared by all xdist workers, and one fresh database per test.

Whoever needs it first starts it in a folder of its own, with a Unix socket only; the last worker to finish stops
it. Under root it runs as the user postgres. fsync is off: these tests show rules, not power cuts.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

FOLDERS = ("/usr/lib/postgresql", "/usr/local/pgsql")
USER = "septima"
OPTIONS = (
    "listen_addresses=''",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=300",
    "shared_buffers=64MB",
    "wal_level=minimal",
    "max_wal_senders=0",
)


def binaries() -> Path | None:
    """Return the folder of the newest installed PostgreSQL of version 15 or later, or None."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    for folder in FOLDERS:
        places += Path(folder).glob("*/bin")
    versions = [(int(place.parent.name), place) for place in places if place.parent.name.isdigit()]
    usable = [each for each in versions if each[0] >= 15 and (each[1] / "initdb").exists()]
    return max(usable)[1] if usable else None


class Cluster:
    """This process's share in the run's cluster. `shared` is a folder that all workers of the run see."""

    def __init__(self, shared: Path) -> None:
        self._state = shared / "postgres.json"
        self._lock = shared / "postgres.lock"
        self._folder: Path | None = None

    def join(self) -> None:
        """Start the cluster unless another worker did, and count this worker in."""
        with self._locked() as state:
            if not state:
                state.update(folder=str(_started()), users=0)
            state["users"] += 1
            self._folder = Path(state["folder"])

    def leave(self) -> None:
        """Count this worker out; the last one stops the cluster and removes its folder."""
        if self._folder is None:
            return
        with self._locked() as state:
            state["users"] -= 1
            if state["users"] == 0:
                _run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")
                shutil.rmtree(self._folder, ignore_errors=True)
                state.clear()
        self._folder = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the address of a fresh database, which is dropped afterwards."""
        if self._folder is None:
            self.join()
        name = f"t{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        try:
            yield f"postgresql+psycopg://{USER}@/{name}?host={self._folder}"
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self._folder), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = json.loads(self._state.read_text()) if self._state.exists() else {}
            yield state
            self._state.write_text(json.dumps(state))


def _started() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="septima-pg-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    _run("initdb", "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    settings = " ".join(f"-c {option}" for option in (*OPTIONS, f"unix_socket_directories='{folder}'"))
    _run("pg_ctl", "-D", str(data), "-o", settings, "-l", str(folder / "log"), "-w", "start")
    return folder


def _run(program: str, *arguments: str) -> None:
    place = binaries()
    assert place is not None
    prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    ended = subprocess.run(
        [*prefix, str(place / program), *arguments], cwd="/", capture_output=program == "initdb", check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{program} ended with {ended.returncode}: {ended.stderr!r}")
