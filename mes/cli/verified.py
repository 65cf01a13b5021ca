"""What `mes ledger verify` says beyond the tree: checkpoints on revoked keys, and time stamps."""

from pathlib import Path

import click

from mes.ledger.verify import Verified


def tell_further(site_dir: Path, found: Verified) -> None:
    """Print what rests on revoked keys and how many time stamps stand; IntegrityBreach for one that does not."""
    from mes.ledger.database import open_engine
    from mes.ledger.reader import LedgerReader
    from mes.ledger.time_stamps import check_time_stamps, roots_in
    from mes.settings import load

    if found.on_revoked:
        sizes = ", ".join(str(size) for size in found.on_revoked)
        click.echo(f"checkpoints that rest on a revoked key only and count for nothing: {sizes}")
    settings = load(site_dir)
    path = settings.time_stamp_ca_path
    engine = open_engine(settings.database, read_only=True)
    try:
        stamps = check_time_stamps(
            LedgerReader(engine, found.gen), found.site, roots_in(path) if path.is_file() else None
        )
    finally:
        engine.dispose()
    if stamps:
        whom = "" if path.is_file() else ", made by an authority that nobody named here as trusted"
        click.echo(f"{stamps} time stamps stand{whom}")
