"""`mes ledger rebuild`: makes every projection anew from the entries, while `mes serve` is down.

What the ledger cannot give back (credentials, samples, files, drain positions) is left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine

from mes.app import PROJECTORS, open_ledger
from mes.batches.tables import METADATA as BATCHES
from mes.equipment.tables import projected as equipment
from mes.ledger.database import open_engine
from mes.ledger.entry import Entry
from mes.ledger.locks import WriterLease
from mes.ledger.reader import LedgerReader
from mes.ledger.store import Ledger
from mes.masters.tables import projected as masters
from mes.people.tables import METADATA as PEOPLE
from mes.quality.trail.tables import METADATA as TRAIL
from mes.settings import SiteSettings

PROJECTED = (PEOPLE, masters, equipment, BATCHES, TRAIL)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many entries were replayed into which tables."""

    entries: int
    tables: tuple[str, ...]


def rebuild(settings: SiteSettings) -> Rebuilt:
    """Drop all projections and replay the ledger into them, in one transaction: all of it or nothing.

    Refuses `writer-lock-held` while the site runs, and what opening a ledger refuses.
    """
    engine = open_engine(settings.database)
    try:
        with WriterLease(settings.site_dir, engine):
            ledger = open_ledger(settings, engine)
            try:
                return replay(engine, ledger)
            finally:
                ledger.close()
    finally:
        engine.dispose()


def replay(engine: Engine, ledger: Ledger) -> Rebuilt:
    """Replay every generation that lies in this database; the caller holds the writer's lease."""
    replayed = 0
    with engine.begin() as connection:
        for metadata in PROJECTED:
            metadata.drop_all(connection)
            metadata.create_all(connection)
        for entry in _every_entry(engine, ledger.gen):
            for project in PROJECTORS:
                project(connection, entry)
            replayed += 1
    return Rebuilt(replayed, tuple(sorted(name for metadata in PROJECTED for name in metadata.tables)))


def _every_entry(engine: Engine, newest: int) -> Iterator[Entry]:
    readers = open_engine(engine.url, read_only=True)
    try:
        for gen in range(1, newest + 1):
            yield from LedgerReader(readers, gen).entries()
    finally:
        readers.dispose()
