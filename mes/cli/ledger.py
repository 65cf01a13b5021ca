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
@click.option("--since-last", is_flag=True, help="read only what came after the site's own last check")
def verify(site_dir: Path, vkey: str | None, since_last: bool) -> None:
    """Check every entry, the tree, all checkpoints and signatures from stored bytes; names the first bad entry."""
    from mes.cli.verified import tell_further
    from mes.ledger.database import open_engine
    from mes.ledger.incremental import ReachedFile
    from mes.ledger.notes import parse_vkey
    from mes.settings import load
    from mes.site_process.nightly import onward

    settings = load(site_dir)
    engine = open_engine(settings.database, read_only=True)
    reached = ReachedFile(settings.verified_path).read() if since_last else None
    found = onward(engine, reached, key=parse_vkey(vkey) if vkey else None)
    engine.dispose()
    if since_last:
        click.echo(f"read from entry {found.since} on" if found.since else "no earlier check to go on from: read all")
    click.echo(f"site {found.site}, generation {found.gen}: {found.size} entries, {found.checkpoints} checkpoints")
    click.echo(f"root {found.root.hex()}, signed up to {found.signed_size}")
    click.echo(
        f"key {found.key.vkey}" + ("" if vkey else "  (taken from the ledger: compare it with the published one)")
    )
    tell_further(site_dir, found)
    click.echo("OK")


@ledger.command("export")
@SITE
@click.option("--out", type=click.Path(path_type=Path), required=True, help="a new folder, or a new file *.zip")
def export(site_dir: Path, out: Path) -> None:
    """Write the whole ledger as plain files, with a program that checks them without Septima."""
    from mes.ledger.database import open_engine
    from mes.ledger.independent.export import export_ledger
    from mes.settings import load

    engine = open_engine(load(site_dir).database, read_only=True)
    try:
        written = export_ledger(engine, out)
    except FileExistsError:
        raise click.ClickException(f"{out} is there already; name a new folder or file") from None
    finally:
        engine.dispose()
    click.echo(f"wrote {written} entries to {out}; check them with: python3 verify_ledger.py {out}")


@ledger.command("rebuild")
@SITE
def rebuild(site_dir: Path) -> None:
    """Make every list and register anew from the ledger; only while `mes serve` is down."""
    from mes.settings import load
    from mes.site_process.rebuild import rebuild as rebuilding

    made = rebuilding(load(site_dir))
    click.echo(f"replayed {made.entries} entries into {len(made.tables)} tables: {', '.join(made.tables)}")
