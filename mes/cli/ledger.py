"""`mes ledger`: check a site's ledger, and make anew what is derived from it."""

from pathlib import Path

import click

from mes.cli.house import SITE, House


@click.group(cls=House)
def ledger() -> None:
    """Check a site's ledger, and make anew what is derived from it."""


@ledger.command("verify")
@SITE
@click.option("--key", "vkey", default=None, help="the site's published key; default: the key that the ledger names")
def verify(site_dir: Path, vkey: str | None) -> None:
    """Check every entry, the tree, all checkpoints and signatures from stored bytes; names the first bad entry."""
    from mes.ledger.database import open_engine
    from mes.ledger.notes import parse_vkey
    from mes.ledger.verify import verify_ledger
    from mes.settings import load

    engine = open_engine(load(site_dir).database, read_only=True)
    found = verify_ledger(engine, key=parse_vkey(vkey) if vkey else None)
    click.echo(f"site {found.site}, generation {found.gen}: {found.size} entries, {found.checkpoints} checkpoints")
    click.echo(f"root {found.root.hex()}, signed up to {found.signed_size}")
    click.echo(
        f"key {found.key.vkey}" + ("" if vkey else "  (taken from the ledger: compare it with the published one)")
    )
    click.echo("OK")


@ledger.command("rebuild")
@SITE
def rebuild(site_dir: Path) -> None:
    """Make every list and register anew from the ledger; only while `mes serve` is down."""
    from mes.settings import load
    from mes.site_process.rebuild import rebuild as rebuilding

    made = rebuilding(load(site_dir))
    click.echo(f"replayed {made.entries} entries into {len(made.tables)} tables: {', '.join(made.tables)}")
