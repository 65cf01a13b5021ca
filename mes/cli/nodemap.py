"""`mes nodemap`: check node maps of devices."""

from pathlib import Path

import click

from mes.cli.house import House


@click.group(cls=House)
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
