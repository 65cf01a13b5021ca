"""`mes vault`: the key of a site's patient vault."""

from pathlib import Path

import click

from mes.cli.house import SITE, House


@click.group(cls=House)
def vault() -> None:
    """Tend the key of the patient vault; also while `mes serve` runs."""


@vault.command("rotate")
@SITE
@click.option("--reason", required=True, help="why; it stands in the record")
def rotate(site_dir: Path, reason: str) -> None:
    """Make a new vault key and wrap every patient's own key by it; the old key's file is gone afterwards."""
    from mes.settings import load
    from mes.site_process.admin_socket import act

    told = act(load(site_dir), "vault.rotate", {"reason": reason})
    click.echo(f"vault key: {told['key']}")
    click.echo("back up the keys anew (`mes keys backup`): earlier key backups do not open this vault")
