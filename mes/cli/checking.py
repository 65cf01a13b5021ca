"""`mes site check`, `upgrade` and `release`: what a site finds of itself before it starts, and what settles it."""

import sys
from pathlib import Path

import click

from mes.cli.house import SITE


@click.command("check")
@SITE
@click.option("--clock-is-right", is_flag=True, help="the clock is right although it is far from the last entry")
def check(site_dir: Path, clock_is_right: bool) -> None:
    """Print what `mes serve` looks at before it begins; ends with 1 if it would not begin. Changes nothing."""
    from mes.app import clock_of
    from mes.ledger.database import open_engine
    from mes.settings import load
    from mes.site_process.self_check import Standing, acknowledge_clock, look

    settings = load(site_dir)
    engine = open_engine(settings.database, read_only=True)
    now = clock_of(settings).now()
    colours = {Standing.GOOD: "green", Standing.NOTED: "yellow", Standing.REFUSED: "red"}
    try:
        if clock_is_right:
            acknowledge_clock(settings, engine, now)
        lines = look(settings, engine, now)
    finally:
        engine.dispose()
    for line in lines:
        click.echo(f"{click.style(f'{line.standing:<13}', fg=colours.get(line.standing))} {line.name}: {line.says}")
    if any(line.standing is Standing.REFUSED for line in lines):
        sys.exit(1)


@click.command("upgrade")
@SITE
def upgrade_(site_dir: Path) -> None:
    """Bring the database to this program's schema, while `mes serve` is down; make a backup first.

    Lists that are new in this schema are filled from the ledger, all others made anew with them.
    """
    from mes.app import open_ledger
    from mes.ledger.database import open_engine
    from mes.ledger.locks import WriterLease
    from mes.migrations import head_and_present, upgrade
    from mes.settings import load
    from mes.site_process.rebuild import replay

    settings = load(site_dir)
    engine = open_engine(settings.database)
    try:
        with WriterLease(settings.site_dir, engine):
            upgrade(engine)
            with engine.connect() as connection:
                _, present = head_and_present(connection)
            ledger = open_ledger(settings, engine)
            try:
                made = replay(engine, ledger)
            finally:
                ledger.close()
    finally:
        engine.dispose()
    click.echo(f"schema {present}; {made.entries} entries replayed into {len(made.tables)} tables")


@click.command("release")
@SITE
@click.option("--stream", required=True, help="the stream that is held, or * for the whole ledger")
@click.option("--reason", required=True, help="what was wrong, how it was settled, and which QA decision says so")
def release(site_dir: Path, stream: str, reason: str) -> None:
    """End a hold after its cause was settled, while `mes serve` is down: verifies every entry first."""
    from mes.app import clock_of
    from mes.settings import load
    from mes.site_process.releasing import release_hold

    settings = load(site_dir)
    found = release_hold(settings, stream, reason, clock_of(settings).now())
    click.echo(f"{found.size} entries verified; {stream} is held no more")
