"""`mes ledger copy|checkpoint|reseed|continue`: copies, and what to do when a tail is lost."""

from pathlib import Path

import click

from mes.cli.house import SITE
from mes.cli.keys import REASON

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("copy")
@SITE
@click.option("--to", "target", type=FOLDER, required=True, help="folder, new or empty")
@click.option("--start", default=0, show_default=True, help="index of the first entry")
def copy(site_dir: Path, target: Path, start: int) -> None:
    """Copy the signed entries, from which a lost tail can be put back; also while `mes serve` runs."""
    from mes.ledger.database import open_engine
    from mes.ledger.reader import LedgerReader
    from mes.ledger.reseeding import copy_ledger
    from mes.settings import load

    engine = open_engine(load(site_dir).database, read_only=True)
    try:
        size = copy_ledger(LedgerReader(engine), target, start)
    finally:
        engine.dispose()
    click.echo(f"entries {start} to {size - 1} are in {target}, with the checkpoint of {size}")


@click.command("checkpoint")
@SITE
def checkpoint(site_dir: Path) -> None:
    """Sign the ledger as it stands now, and print the checkpoint."""
    from mes.settings import load
    from mes.site_process.admin_socket import act

    click.echo(act(load(site_dir), "ledger.checkpoint", {})["checkpoint"], nl=False)


@click.command("reseed")
@SITE
@click.option("--from", "source", type=FOLDER, required=True, help="folder made by `mes ledger copy`")
@REASON
def reseed(site_dir: Path, source: Path, reason: str) -> None:
    """Put a lost tail back byte for byte; only while `mes serve` is down. The same generation goes on."""
    from mes.settings import load
    from mes.site_process.lost_tail import reseed_site

    found = reseed_site(load(site_dir), source, reason)
    click.echo(f"entries {found.from_size} to {found.to_size - 1} are back; the whole ledger was checked")


@click.command("continue")
@SITE
@REASON
@click.option("--checkpoint", "note", type=click.Path(path_type=Path, dir_okay=False), help="the last one known")
@click.option("--user", prompt="QA's user name")
def go_on(site_dir: Path, reason: str, note: Path | None, user: str) -> None:
    """Open the next generation where a lost tail is nowhere: QA signs here, with password and one-time code."""
    from mes.settings import load
    from mes.signatures.meanings import texts
    from mes.site_process.lost_tail import MEANING, Ceremony, Factors, leased

    settings = load(site_dir)
    with leased(settings) as engine:
        ceremony = Ceremony(settings, engine)
        asked = ceremony.asked(note.read_text(encoding="utf-8") if note else None, reason)
        for item in asked.shown.items:
            click.echo(f"{item.label}: {item.value}")
        click.echo(f"Reason: {asked.reason}\n{MEANING.value}: {texts('en')[MEANING]}")
        password = click.prompt("Password", hide_input=True)
        totp = click.prompt("One-time code")
        ledger = ceremony.open(asked, Factors(user, password, totp))
        click.echo(f"generation {ledger.gen} is open: {ledger.origin}; start the site")
        ledger.close()
