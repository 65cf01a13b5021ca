"""The command line `mes`: make a site, run its processes, check its ledger, run the demo."""

import sys

import click
import structlog

import mes
from mes.cli.backup import backup
from mes.cli.checking import check, release, upgrade_
from mes.cli.demo import codes, demo
from mes.cli.house import House
from mes.cli.keys import keys
from mes.cli.ledger import ledger
from mes.cli.lost_tail import checkpoint, copy, go_on, reseed
from mes.cli.nodemap import nodemap
from mes.cli.running import collect, serve, simulate, supervise
from mes.cli.site import site
from mes.cli.validation import validation
from mes.cli.vault import vault


@click.group(cls=House)
@click.version_option(mes.__version__, prog_name="mes")
def main() -> None:
    """Septima: manufacturing execution and electronic batch records for point-of-care CAR-T."""
    structlog.configure(processors=[
        structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ], logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # fmt: skip


for command in (copy, checkpoint, reseed, go_on):
    ledger.add_command(command)
for command in (backup, keys, vault, site, serve, collect, supervise, simulate, ledger, nodemap, validation):
    main.add_command(command)
for command in (codes, demo):
    main.add_command(command)
for command in (check, upgrade_, release):
    site.add_command(command)
