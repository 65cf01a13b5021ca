"""`mes keys`: the life of a site's keys: list, back up, restore, rotate, retire, revoke."""

from pathlib import Path
from typing import Any

import click

from mes.cli.house import SITE, House
from mes.errors import Fault, IntegrityBreach, Refusal

REASON = click.option("--reason", required=True, help="why; it stands in the record")


@click.group(cls=House)
def keys() -> None:
    """List, back up, restore, rotate, retire and revoke a site's keys; also while `mes serve` runs."""


@keys.command("list")
@SITE
def show(site_dir: Path) -> None:
    """Print the site's public keys as its ledger names them; the one to publish is the present one."""
    from mes.ledger.database import open_engine
    from mes.ledger.founding import book_of
    from mes.settings import load
    from mes.site_process.console import listed

    settings = load(site_dir)
    engine = open_engine(settings.database, read_only=True)
    try:
        book = book_of(engine, settings.site)
    finally:
        engine.dispose()
    _print_keys([listed(book, number) for number in range(len(book.keys))])


@keys.command("rotate")
@SITE
@REASON
def rotate(site_dir: Path, reason: str) -> None:
    """Make a new site key; checkpoints carry both signatures until the overlap ends."""
    told = _act(site_dir, "keys.rotate", reason=reason)
    _print_keys(told["keys"])
    click.echo(f"publish the present key; the earlier one signs beside it for {told['overlap_days']} days")


@keys.command("retire")
@SITE
@REASON
def retire(site_dir: Path, reason: str) -> None:
    """End the overlap now: earlier keys stop signing, what they signed stays good."""
    _print_keys(_act(site_dir, "keys.retire", reason=reason)["keys"])


@keys.command("revoke")
@SITE
@click.option("--key", required=True, help="the public key, as `mes keys list` prints it")
@click.option("--since", required=True, help="from when somebody else may have had it: ISO 8601 with offset")
@REASON
def revoke(site_dir: Path, key: str, since: str, reason: str) -> None:
    """Declare a key compromised: its checkpoints from that time on count for nothing; a present key is replaced."""
    _print_keys(_act(site_dir, "keys.revoke", key=key, since=since, reason=reason)["keys"])


@keys.command("backup")
@SITE
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="folder, new or empty")
def backup(site_dir: Path, out: Path) -> None:
    """Write every key of the site as one encrypted archive, and three shares of which two open it."""
    from mes.ledger.key_backup import NEEDED, SHARES, make_backup, write_backup
    from mes.settings import load

    made = make_backup(load(site_dir).keys_dir)
    for path in write_backup(made, out):
        click.echo(path)
    _act(site_dir, "keys.backed_up", archive=made.digest, files=list(made.files), shares=SHARES, needed=NEEDED)
    click.echo(f"{len(made.files)} key files; give each share to another keeper, then delete the shares here")


@keys.command("restore")
@SITE
@click.option("--share", "shares", type=click.Path(path_type=Path, dir_okay=False), multiple=True, required=True)
@click.option("--archive", type=click.Path(path_type=Path, dir_okay=False), required=True)
@REASON
def restore(site_dir: Path, shares: tuple[Path, ...], archive: Path, reason: str) -> None:
    """Put all keys back from two shares and the archive, into a folder without keys."""
    from mes.ledger.key_backup import opened, read_archive, read_share
    from mes.ledger.key_backup import restore as restoring
    from mes.ledger.key_folder import PRESENT
    from mes.settings import load

    settings = load(site_dir)
    body, given = read_archive(archive), [read_share(path) for path in shares]
    files = opened(body, given)
    key = restoring(files, settings.keys_dir, given[0].key_id)
    for name in sorted(files):
        click.echo(settings.keys_dir / name)
    click.echo(f"site key: {key.vkey}")
    names = [name for name in sorted(files) if name != PRESENT]
    try:
        _act(site_dir, "keys.restored", archive=given[0].archive, files=[PRESENT, *names], reason=reason)
    except (Refusal, Fault, IntegrityBreach):
        # the keys are back, but the ledger does not open: what stands against it is told, and so is what is missing
        click.echo("the restoration is not in the record yet: enter it with `mes keys restored` once the site starts")
        raise


@keys.command("restored")
@SITE
@click.option("--archive", type=click.Path(path_type=Path, dir_okay=False), required=True)
@REASON
def restored(site_dir: Path, archive: Path, reason: str) -> None:
    """Enter in the record that the keys were restored from an archive, where that could not be done at once."""
    from hashlib import sha256

    from mes.ledger.key_backup import read_archive
    from mes.settings import load

    files = sorted(path.name for path in load(site_dir).keys_dir.iterdir() if path.is_file())
    digest = sha256(read_archive(archive)).hexdigest()
    _act(site_dir, "keys.restored", archive=digest, files=files, reason=reason)
    click.echo("entered")


def _act(site_dir: Path, command: str, **facts: Any) -> dict[str, Any]:
    from mes.settings import load
    from mes.site_process.admin_socket import act

    return act(load(site_dir), command, facts)


def _print_keys(found: list[dict[str, Any]]) -> None:
    for one in found:
        mark = "present" if one["is_present"] else "earlier"
        click.echo(f"{mark}: {one['key']}  named by entry {one['named_at']}, {one['state']}")
