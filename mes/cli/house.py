"""What commands share: a group that tells errors as sentences, the option that names a site, ending by signal."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import click

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


def stopped_by_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; call inside the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
