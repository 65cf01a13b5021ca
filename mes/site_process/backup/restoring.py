"""Puts a backup back at another place: its files decrypted and checked, its database opened nowhere before that."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from sqlalchemy import inspect

from mes.errors import IntegrityBreach, Refusal
from mes.ledger.database import open_engine
from mes.settings import SiteSettings, ensure_folders, load, write
from mes.site_process.backup.copying import restore_postgresql
from mes.site_process.backup.making import MAIN_POSTGRESQL, MAIN_SQLITE
from mes.site_process.backup.manifest import Manifest, Part, read_manifest
from mes.site_process.backup.sealing import BackupKey

SUFFIX = ".sealed"


def restore_backup(backup: Path, key: BackupKey, place: Path, database_url: str = "") -> tuple[SiteSettings, Manifest]:
    """Restore a backup into the empty folder `place` and return the settings of the restored site.

    `database_url` is an empty PostgreSQL database, needed if the backup is of one. Refuses `backup-missing`,
    `restore-place-taken`, `restore-database-needed`; IntegrityBreach names a file that was altered. The keys come
    from elsewhere (`mes keys restore`); without them the site does not start.
    """
    manifest = read_manifest(backup, key)
    if place.exists() and any(place.iterdir()):
        raise Refusal("restore-place-taken", folder=str(place))
    if manifest.database == "postgresql":
        _check_empty(database_url)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for part in manifest.parts:
        _check_part(backup, part)
        name = part.name.removesuffix(SUFFIX)
        key.open(backup / part.name, place / name, name)
    settings = replace(load(place), site_dir=place.resolve(), database_url=database_url)
    if manifest.database == "postgresql":
        restore_postgresql(database_url, place / MAIN_POSTGRESQL)
        (place / MAIN_POSTGRESQL).unlink()
    write(settings)
    ensure_folders(settings)
    return settings, manifest


def altered_parts(backup: Path, manifest: Manifest) -> list[str]:
    """Return a sentence per file of a backup that is missing or is not what the manifest says."""
    told = []
    for part in manifest.parts:
        try:
            _check_part(backup, part)
        except IntegrityBreach as breach:
            told.append(breach.what)
    named = {part.name for part in manifest.parts} | {"manifest.json", "manifest.json.mac"}
    told += [
        f"{path.name} is in the folder, but not in the manifest" for path in backup.iterdir() if path.name not in named
    ]
    return told


def _check_part(backup: Path, part: Part) -> None:
    path = backup / part.name
    if Path(part.name).name != part.name or not path.is_file():
        raise IntegrityBreach(f"{part.name} is missing from the backup")
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if (path.stat().st_size, digest.hexdigest()) != (part.bytes, part.sha256):
        raise IntegrityBreach(f"{part.name} is not the file that was backed up")


def _check_empty(url: str) -> None:
    if not url:
        raise Refusal("restore-database-needed", status=422)
    engine = open_engine(url, read_only=True)
    try:
        if inspect(engine).get_table_names():
            raise Refusal("restore-place-taken", folder="the database")
    finally:
        engine.dispose()


__all__ = ["MAIN_SQLITE", "altered_parts", "restore_backup"]
