"""After a check failed: which entries are damaged, in which streams, and whether the tree itself still stands.

A flipped bit damages one entry; its leaf hash, the tree and the checkpoints still say what it was, so that only its
stream must be held. Where the hashes themselves contradict what was signed, nothing in the ledger can be relied on.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from mes.errors import IntegrityBreach
from mes.ids import Stream
from mes.ledger.checkpoints import open_checkpoint, origin_of
from mes.ledger.database import open_engine
from mes.ledger.founding import first_entry, key_book
from mes.ledger.heads import stored_root
from mes.ledger.merkle import Frontier, leaf_hash
from mes.ledger.notes import NoteError
from mes.ledger.reader import LedgerReader
from mes.ledger.tables import CHECKPOINT, ENTRY, position_of

PAGE = 2_048
MOST = 1_000
"""More damaged entries than this are not listed one by one."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What a survey of a whole generation found."""

    tree_stands: bool
    entries: tuple[tuple[int, Stream], ...]
    """Entries whose bytes do not match their leaf hash, at most MOST."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Return the streams of the damaged entries."""
        return tuple(sorted({stream for _, stream in self.entries}))

    @property
    def batches(self) -> tuple[str, ...]:
        """Return the batches of which an entry is damaged."""
        return batches_of(self.streams)


def batches_of(streams: tuple[Stream, ...]) -> tuple[str, ...]:
    """Return the batches that are among `streams`."""
    return tuple(stream.removeprefix("batch/") for stream in streams if stream.startswith("batch/"))


def survey(engine: Engine, gen: int | None = None, pause: Callable[[], None] | None = None) -> Damage:
    """Read every entry of the newest generation (or `gen`), name the damaged ones; refuses `ledger-missing`."""
    read_engine = open_engine(engine.url, read_only=True)
    try:
        reader = LedgerReader(read_engine, gen)
        with reader.read() as connection:
            return _survey(connection, reader.gen, pause)
    finally:
        read_engine.dispose()


def _survey(connection: Connection, gen: int, pause: Callable[[], None] | None) -> Damage:
    damaged: list[tuple[int, Stream]] = []
    frontier, roots, wanted = Frontier(), {0: Frontier().root()}, _signed(connection, gen)
    end = position_of(gen + 1, -1)
    columns = (ENTRY.c.position, ENTRY.c.stream, ENTRY.c.body, ENTRY.c.leaf)
    while True:
        where = ENTRY.c.position.between(position_of(gen, frontier.size), end)
        rows = connection.execute(select(*columns).where(where).order_by(ENTRY.c.position).limit(PAGE)).all()
        if not rows:
            break
        for row in rows:
            if row.position != position_of(gen, frontier.size):
                return Damage(False, tuple(damaged))
            leaf = bytes(row.leaf)
            if leaf_hash(bytes(row.body)) != leaf and len(damaged) < MOST:
                damaged.append((frontier.size, Stream(row.stream)))
            frontier, _ = frontier.grown([leaf])
            if frontier.size in wanted:
                roots[frontier.size] = frontier.root()
        if pause is not None:
            pause()
    try:
        stands = stored_root(connection, gen, frontier.size) == frontier.root() and _notes_stand(
            connection, gen, wanted, roots
        )
    except (LookupError, IntegrityBreach, NoteError, ValueError):
        stands = False
    return Damage(stands, tuple(damaged))


def _signed(connection: Connection, gen: int) -> dict[int, str]:
    stored = select(CHECKPOINT.c.size, CHECKPOINT.c.note).where(CHECKPOINT.c.gen == gen)
    return {row.size: row.note for row in connection.execute(stored)}


def _notes_stand(connection: Connection, gen: int, notes: dict[int, str], roots: dict[int, bytes]) -> bool:
    site = str(first_entry(connection, gen).document["site"])
    verifiers, origin = key_book(connection, site, gen).verifiers, origin_of(site, gen)
    for size, note in notes.items():
        said = open_checkpoint(note, verifiers, origin)
        if said.size != size or roots.get(size) != said.root:
            return False
    return True
