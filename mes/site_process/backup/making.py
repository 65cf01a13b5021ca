"""Makes a backup while the site runs: each database at one moment, encrypted, complete on disk before it has its name.

The keys are not in it: `mes keys backup` splits them among three people. Sessions and live values are not either.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine

import mes
from mes.errors import Refusal
from mes.ledger.database import open_engine
from mes.ledger.events import time_text
from mes.ledger.heads import stored_root, stored_size
from mes.ledger.reader import newest_generation
from mes.ledger.tables import CHECKPOINT
from mes.settings import SiteSettings
from mes.site_process.backup.copying import copy_sqlite, dump_postgresql, exported_snapshot
from mes.site_process.backup.manifest import Manifest, Part
from mes.site_process.backup.sealing import BackupKey

MAIN_SQLITE, MAIN_POSTGRESQL = "site.sqlite", "site.dump"
BESIDE = ("vault.sqlite", "collect.journal", "commands.spool", "inbox.spool")
"""Databases beside the main one. They are copied after it: each holds at least what its ledger relies on."""
FILES = ("site.yaml",)


@dataclass(frozen=True, slots=True)
class _Stand:
    """How far the copied ledger goes."""

    gen: int
    size: int
    root: str
    checkpoint: str
    schema: str


def make_backup(settings: SiteSettings, target: Path, now: datetime) -> tuple[Path, Manifest]:
    """Make a backup in a new folder under `target` and return the folder and its manifest.

    Refuses `ledger-missing` and `backup-exists`; Fault `backup-program-missing` or `backup-program-failed` where
    PostgreSQL's own programs are needed. The folder is read-only when it has its name.
    """
    key = BackupKey.of_site(settings.keys_dir, create=True)
    target.mkdir(parents=True, exist_ok=True)
    name = f"{settings.site}-{now:%Y%m%dT%H%M%SZ}"
    final, fresh = target / name, target / f".{name}.new"
    if final.exists():
        raise Refusal("backup-exists", folder=str(final))
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    with tempfile.TemporaryDirectory(dir=target, prefix=".plain-") as plain:
        stand, copies = _copied(settings, Path(plain))
        parts = tuple(_sealed(key, path, fresh, name) for name, path in copies.items())
    database = "postgresql" if MAIN_POSTGRESQL in copies else "sqlite"
    made = Manifest(
        settings.site, stand.gen, time_text(now), f"septima-mes {mes.__version__}", database, stand.schema,
        stand.size, stand.root, stand.checkpoint, parts,
    )  # fmt: skip
    made.write(fresh, key)
    _close(fresh, final)
    return final, made


def _copied(settings: SiteSettings, plain: Path) -> tuple[_Stand, Mapping[str, Path]]:
    copies: dict[str, Path] = {}
    engine = open_engine(settings.database, read_only=True)
    try:
        if engine.dialect.name == "sqlite":
            copies[MAIN_SQLITE] = plain / MAIN_SQLITE
            copy_sqlite(Path(str(engine.url.database)), copies[MAIN_SQLITE])
            stand = stand_of(open_engine(f"sqlite:///{copies[MAIN_SQLITE]}", read_only=True))
        else:
            copies[MAIN_POSTGRESQL] = plain / MAIN_POSTGRESQL
            gen = _generation(engine)
            with engine.connect() as connection:
                stand = _stand(connection, gen)
                dump_postgresql(settings.database, copies[MAIN_POSTGRESQL], exported_snapshot(connection))
    finally:
        engine.dispose()
    for name in BESIDE:
        if (settings.site_dir / name).is_file():
            copies[name] = plain / name
            copy_sqlite(settings.site_dir / name, copies[name])
    for name in FILES:
        if (settings.site_dir / name).is_file():
            copies[name] = plain / name
            shutil.copyfile(settings.site_dir / name, copies[name])
    return stand, copies


def stand_of(engine: Engine) -> _Stand:
    """Return how far the ledger in a database goes, and give its connections back."""
    try:
        gen = _generation(engine)
        with engine.connect() as connection:
            return _stand(connection, gen)
    finally:
        engine.dispose()


def _generation(engine: Engine) -> int:
    gen = newest_generation(engine)
    if gen is None:
        raise Refusal("ledger-missing", status=404)
    return gen


def _stand(connection: Connection, gen: int) -> _Stand:
    size = stored_size(connection, gen)
    newest = CHECKPOINT.select().where(CHECKPOINT.c.gen == gen).order_by(CHECKPOINT.c.size.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    schema = MigrationContext.configure(connection).get_current_revision()
    return _Stand(
        gen, size, stored_root(connection, gen, size).hex(), "" if row is None else str(row.note), schema or ""
    )


def _sealed(key: BackupKey, plain: Path, folder: Path, name: str) -> Part:
    path = folder / f"{name}.sealed"
    digest = key.seal(plain, path, name)
    return Part(path.name, path.stat().st_size, digest)


def _close(fresh: Path, final: Path) -> None:
    """Take the right to write away and give the folder its name, so that a half-made backup is never mistaken."""
    for path in fresh.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        path.chmod(0o400)
    fresh.rename(final)
    final.chmod(0o500)
    handle = os.open(final.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
