"""Copies databases while they are written to, each as it stood at one moment; and puts them back."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, make_url, text

from mes.errors import Fault

PROGRAM_S = 3600
FOLDERS = ("/usr/lib/postgresql", "/usr/local/pgsql")


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a live SQLite database by its online backup interface: never the file itself, which lacks its WAL."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself


def dump_postgresql(url: str, target: Path, snapshot: str) -> None:
    """Write a custom-format dump of the snapshot that another transaction exported; Fault `backup-program-failed`."""
    address = make_url(url)
    _run("pg_dump", address, "--format=custom", "--no-owner", "--no-acl", f"--snapshot={snapshot}", f"--file={target}")


def restore_postgresql(url: str, source: Path) -> None:
    """Restore a dump into an empty database; Fault `backup-program-failed`."""
    address = make_url(url)
    _run("pg_restore", address, "--no-owner", "--no-acl", "--exit-on-error", "--single-transaction", str(source))


def exported_snapshot(connection: Connection) -> str:
    """Return the id by which pg_dump sees exactly what this transaction sees."""
    return str(connection.execute(text("SELECT pg_export_snapshot()")).scalar())


def _run(program: str, address: URL, *options: str) -> None:
    where = _program(program)
    environment = {**os.environ, "PGPASSWORD": address.password or "", "PGCONNECT_TIMEOUT": "10"}
    host = address.query.get("host") or address.host
    asked = [str(where), f"--dbname={address.database}", "--no-password"]
    asked += [f"--host={host}"] if host else []
    asked += [f"--port={address.port}"] if address.port else []
    asked += [f"--username={address.username}"] if address.username else []
    done = subprocess.run(  # noqa: S603  a program of the system with our own options
        [*asked, *options], env=environment, capture_output=True, text=True, timeout=PROGRAM_S, check=False
    )
    if done.returncode:
        raise Fault("backup-program-failed", program=program, told=done.stderr.strip()[-300:])


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found:
        return Path(found)
    places = sorted((place for folder in FOLDERS for place in Path(folder).glob(f"*/bin/{name}")), reverse=True)
    if not places:
        raise Fault("backup-program-missing", program=name)
    return places[0]
