"""`mes backup`: copy a site while it runs, check a copy, drill its restore, restore it."""

from pathlib import Path

import click

from mes.cli.house import SITE, House

BACKUP = click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
WITNESS = click.option(
    "--witness", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="a checkpoint that somebody else kept: the copy must reach it",
)  # fmt: skip


@click.group(cls=House)
def backup() -> None:
    """Make backups of a site and prove that they can be restored."""


@backup.command("make")
@SITE
@click.option("--to", "target", type=click.Path(path_type=Path, file_okay=False), required=True)
def make(site_dir: Path, target: Path) -> None:
    """Copy every database of the site at one moment each, encrypted; the site may run meanwhile."""
    from mes.app import clock_of
    from mes.settings import load
    from mes.site_process.backup.events import BackupMade
    from mes.site_process.backup.making import make_backup
    from mes.site_process.backup.telling import tell_site

    settings = load(site_dir)
    folder, made = make_backup(settings, target, clock_of(settings).now())
    tell_site(settings, BackupMade(made.digest, made.size, made.root, folder.name))
    click.echo(f"{folder}: {made.size} entries, root {made.root}")
    click.echo("the keys are not in it: see `mes keys backup`")


@backup.command("verify")
@SITE
@BACKUP
@WITNESS
@click.option("--database", default="", help="an empty scratch PostgreSQL database, if the backup is of one")
def verify(site_dir: Path, folder: Path, witness: Path | None, database: str) -> None:
    """Check a backup's files and the whole ledger in it, on the copy."""
    _drilled(site_dir, folder, witness, database, whole=False)


@backup.command("drill")
@SITE
@BACKUP
@WITNESS
@click.option("--database", default="", help="an empty scratch PostgreSQL database, if the backup is of one")
def drill(site_dir: Path, folder: Path, witness: Path | None, database: str) -> None:
    """Restore a backup elsewhere, hold it against the record, and record the outcome."""
    _drilled(site_dir, folder, witness, database, whole=True)


@backup.command("restore")
@BACKUP
@click.option("--keys", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True,
              help="folder with backup.key, from `mes keys restore`")  # fmt: skip
@click.option("--to", "place", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--database", default="", help="an empty PostgreSQL database, if the backup is of one")
def restore(folder: Path, keys: Path, place: Path, database: str) -> None:
    """Restore a backup into an empty folder; the site starts there once its keys lie in it."""
    from mes.site_process.backup.restoring import restore_backup
    from mes.site_process.backup.sealing import BackupKey

    settings, manifest = restore_backup(folder, BackupKey.of_site(keys), place, database)
    click.echo(f"site {settings.site} as it was at {manifest.made_at}, {manifest.size} entries, is in {place}")
    click.echo("put its keys there with `mes keys restore`, then `mes site check`")


def _drilled(site_dir: Path, folder: Path, witness: Path | None, database: str, *, whole: bool) -> None:
    import tempfile
    from hashlib import sha256

    from mes.settings import load, private_file
    from mes.site_process.backup.drill import Drill
    from mes.site_process.backup.events import RestoreDrilled
    from mes.site_process.backup.telling import tell_site

    settings = load(site_dir)
    with tempfile.TemporaryDirectory(prefix="septima-drill-") as scratch:
        tried = Drill(folder, settings.keys_dir, Path(scratch) / "site", database_url=database)
        report = tried.run(witness.read_text(encoding="utf-8") if witness else None, whole=whole)
    click.echo(report.text(), nl=False)
    if whole:
        digest, outcome = sha256(report.body()).hexdigest(), "passed" if report.passed else "failed"
        kept = settings.site_dir / "drills" / f"{folder.name}.{digest[:16]}.json"
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        private_file(kept, report.body())
        tell_site(settings, RestoreDrilled(report.manifest, outcome, round(report.seconds), digest))
        click.echo(f"report: {kept}")
    if not report.passed:
        raise SystemExit(1)
