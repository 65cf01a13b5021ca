"""The head of a ledger: how far it goes, its tree's right edge, its streams' next places; read and checked."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select

from mes.errors import IntegrityBreach
from mes.ids import Stream
from mes.ledger.merkle import EMPTY_ROOT, Frontier, ReadLevel, leaf_hash, peaks_of, range_hash
from mes.ledger.tables import ENTRY, NODE

MAX_CACHED_STREAMS = 50_000


@dataclass(frozen=True, slots=True)
class Head:
    """Where the next entry goes. `at` is the last entry's time; `seqs` the known next places of streams."""

    frontier: Frontier
    at: datetime | None
    seqs: dict[Stream, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Return the number of entries."""
        return self.frontier.size


def tree_reader(connection: Connection, gen: int) -> ReadLevel:
    """Return the function by which the proofs read stored hashes in this connection's transaction."""

    def read(level: int, start: int, count: int) -> list[bytes]:
        if level == 0:
            place, value, table = ENTRY.c.index, ENTRY.c.leaf, ENTRY
            where = [ENTRY.c.gen == gen]
        else:
            place, value, table = NODE.c.position, NODE.c.hash, NODE
            where = [NODE.c.gen == gen, NODE.c.level == level]
        found = select(value).select_from(table).where(*where, place >= start, place < start + count)
        return [bytes(each) for each in connection.execute(found.order_by(place)).scalars()]

    return read


def stored_size(connection: Connection, gen: int) -> int:
    """Return the number of entries by the highest index."""
    last: int | None = connection.execute(select(func.max(ENTRY.c.index)).where(ENTRY.c.gen == gen)).scalar()
    return 0 if last is None else last + 1


def stored_root(connection: Connection, gen: int, size: int) -> bytes:
    """Return the root over the first `size` entries from stored hashes."""
    return range_hash(0, size, tree_reader(connection, gen)) if size else EMPTY_ROOT


def read_head(connection: Connection, gen: int) -> Head:
    """Read the head anew; IntegrityBreach if the last entry or the tree's edge contradicts itself."""
    size = stored_size(connection, gen)
    if size == 0:
        return Head(Frontier(), None)
    last = connection.execute(
        select(ENTRY.c.at, ENTRY.c.body, ENTRY.c.leaf).where(ENTRY.c.gen == gen, ENTRY.c.index == size - 1)
    ).one()
    if leaf_hash(bytes(last.body)) != bytes(last.leaf):
        raise IntegrityBreach(
            f"entry {size - 1} does not match its leaf hash", index=size - 1, leaf=bytes(last.leaf).hex()
        )
    try:
        peaks = peaks_of(0, size, tree_reader(connection, gen))
    except LookupError as error:
        raise IntegrityBreach(f"the tree of {size} entries has a gap", index=size - 1, gap=str(error)) from error
    return Head(Frontier(size, tuple(peaks)), datetime.fromisoformat(last.at))


def next_seq(connection: Connection, gen: int, stream: Stream) -> int:
    """Return the next place in `stream` from the stored entries."""
    found = select(func.max(ENTRY.c.seq)).where(ENTRY.c.gen == gen, ENTRY.c.stream == stream)
    last: int | None = connection.execute(found).scalar()
    return 0 if last is None else last + 1
