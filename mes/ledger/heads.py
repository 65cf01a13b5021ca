"""The head of a ledger: how far it goes, its tree's right edge, its streams' next places; read and checked."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from mes.errors import IntegrityBreach
from mes.ids import Stream
from mes.ledger.merkle import EMPTY_ROOT, Frontier, ReadLevel, frontier_of, leaf_hash, range_hash
from mes.ledger.tables import ENTRY, NODE, position_of

MAX_CACHED_STREAMS = 50_000
_LOW: BindParameter[int] = bindparam("low")
_HIGH: BindParameter[int] = bindparam("high")
_LEAVES = select(ENTRY.c.leaf).where(ENTRY.c.position >= _LOW, ENTRY.c.position < _HIGH).order_by(ENTRY.c.position)
_LAST_SEQ = select(func.max(ENTRY.c.seq)).where(ENTRY.c.gen == bindparam("gen"), ENTRY.c.stream == bindparam("stream"))
_NODES = (
    select(NODE.c.hash)
    .where(NODE.c.gen == bindparam("gen"), NODE.c.level == bindparam("level"))
    .where(NODE.c.position >= _LOW, NODE.c.position < _HIGH)
    .order_by(NODE.c.position)
)


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
            terms = {"low": position_of(gen, start), "high": position_of(gen, start + count)}
            return [bytes(leaf) for leaf in connection.execute(_LEAVES, terms).scalars()]
        terms = {"gen": gen, "level": level, "low": start, "high": start + count}
        return [bytes(node) for node in connection.execute(_NODES, terms).scalars()]

    return read


def stored_size(connection: Connection, gen: int) -> int:
    """Return the number of entries by the highest index."""
    here = ENTRY.c.position.between(position_of(gen, 0), position_of(gen + 1, -1))
    last: int | None = connection.execute(select(func.max(ENTRY.c.position)).where(here)).scalar()
    return 0 if last is None else last - position_of(gen, 0) + 1


def stored_root(connection: Connection, gen: int, size: int) -> bytes:
    """Return the root over the first `size` entries from stored hashes."""
    return range_hash(0, size, tree_reader(connection, gen)) if size else EMPTY_ROOT


def read_head(connection: Connection, gen: int) -> Head:
    """Read the head anew; IntegrityBreach if the last entry or the tree's edge contradicts itself."""
    size = stored_size(connection, gen)
    if size == 0:
        return Head(Frontier(), None)
    last = connection.execute(
        select(ENTRY.c.at, ENTRY.c.body, ENTRY.c.leaf).where(ENTRY.c.position == position_of(gen, size - 1))
    ).one()
    if leaf_hash(bytes(last.body)) != bytes(last.leaf):
        raise IntegrityBreach(
            f"entry {size - 1} does not match its leaf hash", index=size - 1, leaf=bytes(last.leaf).hex()
        )
    try:
        frontier = frontier_of(size, tree_reader(connection, gen))
    except LookupError as error:
        raise IntegrityBreach(f"the tree of {size} entries has a gap", index=size - 1, gap=str(error)) from error
    return Head(frontier, datetime.fromisoformat(last.at))


def next_seq(connection: Connection, gen: int, stream: Stream) -> int:
    """Return the next place in `stream` from the stored entries."""
    last: int | None = connection.execute(_LAST_SEQ, {"gen": gen, "stream": stream}).scalar()
    return 0 if last is None else last + 1
