"""`mes demo` and `mes codes`: one whole batch on a simulated device, and the one-time codes of its people."""

import time
from pathlib import Path

import click


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
def codes(folder: Path) -> None:
    """Print the present one-time codes of the demo's people: a SIMULATED AUTHENTICATOR."""
    from mes.demo.codes import codes_text, secrets_of

    click.echo(codes_text(secrets_of(folder), time.time()))


@click.command()
@click.option("--exit", "ends", is_flag=True, help="end after the batch instead of keeping the site up")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--port", default=0, help="port of the web server; default: 8471 or the next free one")
def demo(ends: bool, folder: Path, port: int) -> None:
    """Run one whole batch on a simulated device, from order to infusion, and leave the site up."""
    from mes.demo.conduct import run_demo

    run_demo(folder, ends=ends, port=port)
