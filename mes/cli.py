"""The command line `mes`: make a site, run its processes, check its ledger, run the demo."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import structlog
import yaml

import mes
from mes.clock import SimulatedClock, SystemClock
from mes.errors import Refusal

Command = TypeVar("Command", bound=Callable[..., Any])
SITE = click.option(
    "--site", "site_dir", type=click.Path(path_type=Path, file_okay=False), required=True, help="folder of the site"
)


class House(click.Group):
    """A group whose commands tell refusals and faults as sentences, with exit code 1."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; tell what the rules or the world have against it."""
        from mes.site_process.telling import EXPECTED, told

        try:
            return super().invoke(context)
        except EXPECTED as error:
            raise click.ClickException(told(error)) from error


@click.group(cls=House)
@click.version_option(mes.__version__, prog_name="mes")
def main() -> None:
    """Septima: manufacturing execution and electronic batch records for point-of-care CAR-T."""
    structlog.configure(processors=[
        structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ], logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # fmt: skip


@main.group()
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


@main.command()
@SITE
def serve(site_dir: Path) -> None:
    """Run the site's web server, the only writer of its database."""
    from mes.settings import load
    from mes.site_process.serve import SiteServer

    sys.argv = sys.argv[:1]
    SiteServer(load(site_dir)).run()


@main.command()
@SITE
def collect(site_dir: Path) -> None:
    """Collect from the site's devices over OPC UA."""
    from mes.app import clock_of
    from mes.equipment.collector import collect as collecting
    from mes.settings import load
    from mes.site_process.serve import write_pid

    settings = load(site_dir)
    write_pid(settings.site_dir, "collect")

    async def run() -> None:
        await collecting(settings, clock_of(settings).now, stopped_by_signal())

    asyncio.run(run())


@main.command()
@SITE
def supervise(site_dir: Path) -> None:
    """Run serve and collect, and restart what dies."""
    from mes.settings import load
    from mes.site_process.supervise import Supervisor, site_processes

    Supervisor(site_processes(load(site_dir).site_dir)).run()


@main.command()
@click.option("--device", type=click.Choice(["prodigy"]), default="prodigy", show_default=True)
@click.option("--endpoint", default="opc.tcp://127.0.0.1:4841/septima", show_default=True)
@click.option("--clock", type=click.Path(path_type=Path), help="clock.json of a simulated site; default: real time")
@click.option("--seed", default=1, show_default=True)
@click.option("--donor", type=click.Choice(["good", "average", "poor"]), default="good", show_default=True)
@click.option("--scenario", type=click.Path(path_type=Path), help="YAML file of failures to inject")
@click.option("--truth", type=click.Path(path_type=Path), required=True, help="file that gets every emitted sample")
@click.option("--pki", type=click.Path(path_type=Path), required=True, help="folder of the simulator's certificate")
def simulate(
    device: str, endpoint: str, clock: Path | None, seed: int, donor: str, scenario: Path | None, truth: Path, pki: Path
) -> None:
    """Run a SIMULATED DEVICE on this machine; user and password come from MES_DEVICE_USER and MES_DEVICE_PASSWORD."""
    from mes.demo.device import simulate_prodigy

    now = (SimulatedClock(clock) if clock else SystemClock()).now

    async def run() -> None:
        await simulate_prodigy(
            endpoint, now, seed=seed, donor=donor, scenario=yaml.safe_load(scenario.read_text()) if scenario else [],
            truth=truth, pki=pki, stop=stopped_by_signal(),
            ready=lambda: click.echo(f"SIMULATED DEVICE {device} at {endpoint}"),
        )  # fmt: skip

    asyncio.run(run())


@main.group()
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


@main.group()
def nodemap() -> None:
    """Check node maps of devices."""


@nodemap.command("lint")
@click.argument("file", type=click.Path(path_type=Path))
def lint(file: Path) -> None:
    """Read a node map as registering a device would, and print what it binds."""
    from equipment_drivers.nodemap import read_nodemap

    found = read_nodemap(file)
    vendor = found.vendor
    click.echo(f"{found.device_class}: {vendor.manufacturer} {vendor.model}, software {vendor.software}")
    click.echo(f"{len(found.tags)} tags, {len(found.commands)} commands; sha256 {found.sha256}")
    click.echo("OK")


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
def codes(folder: Path) -> None:
    """Print the present one-time codes of the demo's people: a SIMULATED AUTHENTICATOR."""
    from mes.demo.codes import codes_text, secrets_of

    click.echo(codes_text(secrets_of(folder), time.time()))


@main.command()
@click.option("--exit", "ends", is_flag=True, help="end after the batch instead of keeping the site up")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--port", default=0, help="port of the web server; default: 8471 or the next free one")
def demo(ends: bool, folder: Path, port: int) -> None:
    """Run one whole batch on a simulated device, from order to infusion, and leave the site up."""
    from mes.demo.conduct import run_demo

    run_demo(folder, ends=ends, port=port)


def stopped_by_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; call inside the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
