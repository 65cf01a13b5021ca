"""`mes site`: make and look at sites."""

from pathlib import Path

import click

from mes.cli.house import SITE, House
from mes.errors import Refusal


@click.group(cls=House)
def site() -> None:
    """Make and look at sites."""


@site.command("create")
@SITE
@click.option("--id", "ident", required=True, help="site id: 3 to 32 of a-z, 0-9 and -")
@click.option("--tz", default="Europe/Brussels", show_default=True, help="IANA time zone of the site")
@click.option("--database", default="", help="SQLAlchemy URL; default: SQLite in the site's folder")
@click.option("--port", default=8471, show_default=True)
@click.option("--demo/--production", default=False, help="a demo runs on the virtual clock in clock.json")
def create(site_dir: Path, ident: str, tz: str, database: str, port: int, demo: bool) -> None:
    """Make a site and print the one-time code of its first administrator."""
    from mes.app import clock_of, create_site
    from mes.ids import SiteId
    from mes.ledger.database import open_engine
    from mes.ledger.keys import SiteKey
    from mes.migrations import upgrade
    from mes.people.first_administrator import create_first_code
    from mes.settings import Profile, SiteSettings, write

    profile = Profile.DEMO if demo else Profile.PRODUCTION
    settings = SiteSettings(
        site_dir.resolve(), SiteId(ident), tz, profile, database, simulated_clock=demo, web_port=port
    )
    if settings.site_key_path.exists():
        raise Refusal("site-exists", site_dir=str(settings.site_dir))
    write(settings)
    engine = open_engine(settings.database)
    upgrade(engine)
    ledger = create_site(settings, engine, clock_of(settings).now())
    code = create_first_code(ledger, settings.keys_dir)
    click.echo(f"site {ident} is in {site_dir}")
    click.echo(f"site key: {SiteKey.load(settings.site_key_path).vkey}")
    click.echo(f"one-time code of the first administrator, good for 24 hours: {code}")


@site.command("clock")
@SITE
@click.option("--trust", is_flag=True, help="vouch for the clock after a jump, having compared it with another one")
@click.option("--reason", default="", help="how you compared it")
def clock(site_dir: Path, trust: bool, reason: str) -> None:
    """Tell what the kernel says about this machine's clock; with --trust, let people sign again after a jump."""
    from mes.settings import load
    from mes.site_process.admin_socket import act
    from mes.site_process.clock_watch import kernel_reading

    found = kernel_reading()
    if found is None:
        click.echo("the kernel does not tell whether the clock is synchronised")
    else:
        state = "synchronised" if found.synchronised else "NOT synchronised by any time service"
        click.echo(f"clock: {state}, largest error {found.error_s:.3f} s")
    if trust:
        act(load(site_dir), "clock.trust", {"reason": reason})
        click.echo("recorded: people can sign again within ten seconds")


@site.command("downtime")
@SITE
def downtime(site_dir: Path) -> None:
    """List the downtime packs that lie ready to be printed."""
    import json

    from mes.settings import load

    folder = load(site_dir).site_dir / "downtime"
    for path in sorted(folder.glob("*.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        click.echo(
            f"{folder / path.stem}.pdf: as of {said['made_at']}, {len(said['sheets'])} sheets, pack {said['id']}"
        )


@site.command("grants")
@click.option("--role", required=True, help="the database role that `mes serve` connects as; it owns no table")
def grants(role: str) -> None:
    """Print the SQL by which the owner of a PostgreSQL database lets the site append, and nothing rewrite."""
    from mes.ledger.grants import grants as granted
    from mes.migrations.schema import everything

    for statement in granted(role, [name for metadata in everything() for name in metadata.tables]):
        click.echo(f"{statement};")
