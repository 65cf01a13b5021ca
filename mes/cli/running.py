"""The processes of a site, and the simulated device."""

import asyncio
import sys
from pathlib import Path

import click
import yaml

from mes.cli.house import SITE, stopped_by_signal
from mes.clock import SimulatedClock, SystemClock


@click.command()
@SITE
def serve(site_dir: Path) -> None:
    """Run the site's web server, the only writer of its database."""
    from mes.settings import load
    from mes.site_process.serve import SiteServer

    sys.argv = sys.argv[:1]
    SiteServer(load(site_dir)).run()


@click.command()
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


@click.command()
@SITE
def supervise(site_dir: Path) -> None:
    """Run serve and collect, and restart what dies."""
    from mes.settings import load
    from mes.site_process.supervise import Supervisor, site_processes

    Supervisor(site_processes(load(site_dir).site_dir)).run()


@click.command()
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
