"""Fresh ledgers to measure on, on SQLite and on a PostgreSQL whose fsync is on, and the bare insert beside them."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import Engine

from mes.ledger.database import SQLITE_SETTINGS, open_engine
from mes.ledger.entry import Actor
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.migrations import upgrade
from tests.postgres import USER, binaries

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
SITE = "bench-site"
NURSE = Actor("person", "p-17", "Ada Verhoeven", "operator", "T2")
DATA = {
    "step": "A06", "parameter": "viability", "given": {"value": "97.9", "unit": "%"},
    "limit": {"low": "80.0", "high": "100.0"}, "rule": "IPC-04", "rule_version": 3, "master": "a7" * 32,
}  # fmt: skip
"""A recorded in-process control: what most entries of a batch look like."""

Insert = Callable[[list[bytes]], None]
"""Inserts rows under consecutive integer keys, and commits once."""


@contextmanager
def a_ledger(
    url: str, *, site: str = SITE, tz: str = "Europe/Brussels", **more: Any
) -> Iterator[tuple[Engine, Ledger]]:
    """Give a new ledger with the product's whole schema."""
    engine = open_engine(url)
    key = SiteKey(f"septima/{site}/1", bytes(range(32)))
    terms: dict[str, Any] = {"now": NOW, "clock": "real", "software": "bench", "key": key, **more}
    try:
        upgrade(engine)
        with closing(Ledger.create(engine, site=site, tz=tz, **terms)) as ledger:
            yield engine, ledger
    finally:
        engine.dispose()


@contextmanager
def bare(url: str) -> Iterator[Insert]:
    """Give the bare insert on the same database: the driver alone, the same settings, one integer key and one body."""
    if url.startswith("sqlite"):
        driver = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for name, value in SQLITE_SETTINGS.items():
            driver.execute(f"PRAGMA {name}={value}")
        driver.execute("CREATE TABLE bare (key INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        begin, statement = "BEGIN IMMEDIATE", "INSERT INTO bare VALUES (?, ?)"
    else:
        driver = psycopg.connect(url.replace("+psycopg", ""))
        driver.execute("SET synchronous_commit = on")
        driver.execute("CREATE TABLE bare (key BIGINT PRIMARY KEY, body BYTEA NOT NULL)")
        driver.commit()
        begin, statement = "", "INSERT INTO bare VALUES (%s, %s)"  # psycopg begins by itself
    cursor, key = driver.cursor(), 0

    def insert(bodies: list[bytes]) -> None:
        nonlocal key
        if begin:
            cursor.execute(begin)
        for body in bodies:
            key += 1
            cursor.execute(statement, (key, body))
        driver.commit()

    try:
        yield insert
    finally:
        driver.close()


@contextmanager
def postgresql() -> Iterator[Callable[[], str] | None]:
    """Start a PostgreSQL with its own defaults (fsync and synchronous_commit on); give what makes a database in it."""
    place = binaries()
    if place is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="septima-bench-pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(place / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, check=True)

    def database() -> str:
        name = f"b{uuid4().hex[:12]}"
        with psycopg.connect(host=str(folder), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{USER}@/{name}?host={folder}"

    try:
        run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C")
        settings = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
        run("pg_ctl", "-o", settings, "-l", str(folder / "log"), "-w", "start")
        try:
            yield database
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
