"""Reads a ledger: entries, streams, operations, proofs, checkpoints, content. Needs no key and never writes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, bindparam, func, inspect, select

from mes.errors import Refusal
from mes.ids import Op, Stream
from mes.ledger.entry import Entry
from mes.ledger.events import time_text
from mes.ledger.heads import next_seq, stored_root, stored_size, tree_reader
from mes.ledger.merkle import consistency_proof, inclusion_proof
from mes.ledger.tables import CHECKPOINT, CONTENT, ENTRY, GENERATION, SHOWN, position_of

PAGE = 1_000
_BYTES = (ENTRY.c.body, ENTRY.c.leaf)
# Asked with every act: statements made once.
_STREAM = (
    select(*_BYTES)
    .where(ENTRY.c.gen == bindparam("gen"), ENTRY.c.stream == bindparam("stream"), ENTRY.c.seq >= bindparam("first"))
    .order_by(ENTRY.c.seq)
)
_OPERATION = select(*_BYTES).where(ENTRY.c.op_id == bindparam("op")).order_by(ENTRY.c.op_n)


def entry_of(body: bytes, leaf: bytes) -> Entry:
    """Return the entry that stands in these bytes."""
    return entry_from(json.loads(body), body, leaf)


def entry_from(document: dict[str, Any], body: bytes, leaf: bytes) -> Entry:
    """Return the entry of an already parsed document."""
    return Entry(
        document["index"],
        document["stream"],
        document["seq"],
        document["type"],
        document["tv"],
        datetime.fromisoformat(document["at"]),
        document["op"]["id"],
        body,
        document,
        leaf,
    )


def newest_generation(engine: Engine) -> int | None:
    """Return the generation that stands in this database, or None for an empty one."""
    if not inspect(engine).has_table("entry"):
        return None
    with engine.connect() as connection:
        found: int | None = connection.execute(select(func.max(ENTRY.c.position))).scalar()
        return None if found is None else found // GENERATION


class LedgerReader:
    """The reading half of a ledger, for other processes as well (relay, verifier, exports)."""

    def __init__(self, read_engine: Engine, gen: int | None = None) -> None:
        """Read the newest generation, or `gen`; refuses `ledger-missing` where there is none."""
        found = newest_generation(read_engine) if gen is None else gen
        if found is None:
            raise Refusal("ledger-missing", status=404)
        self._read_engine = read_engine
        self.gen = found

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection in a read transaction (one snapshot), for the queries of a tables.py."""
        with self._read_engine.connect() as connection:
            yield connection

    def of_generation(self, gen: int) -> "LedgerReader":
        """Return a reader of another generation in the same database; it holds no connections of its own."""
        return LedgerReader(self._read_engine, gen)

    @property
    def size(self) -> int:
        """Return the number of entries."""
        with self.read() as connection:
            return stored_size(connection, self.gen)

    def root(self) -> bytes:
        """Return the root of the whole tree, 32 bytes."""
        with self.read() as connection:
            return stored_root(connection, self.gen, stored_size(connection, self.gen))

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Yield entries in ledger order from `start` to before `stop` (the present end), page by page."""
        end = self.size if stop is None else stop
        for low in range(start, end, PAGE):
            last = position_of(self.gen, min(low + PAGE, end) - 1)
            yield from self._select(ENTRY.c.position.between(position_of(self.gen, low), last), ENTRY.c.position)

    def stream(self, stream: Stream, from_seq: int | None = None) -> list[Entry]:
        """Return the entries of one stream in order, those of earlier generations first, with negative places.

        The last entry of the stream before the present generation has seq -1, so that the next place is always one
        more than the last; `from_seq` leaves out what stands before it. Rule: record format 6.
        """
        first = 0 if from_seq is None else from_seq
        with self.read() as connection:
            rows = connection.execute(_STREAM, {"gen": self.gen, "stream": stream, "first": first}).all()
        own = [_entry(row) for row in rows]
        if self.gen == 1 or (from_seq is not None and from_seq >= 0):
            return own
        before = self._select(and_(ENTRY.c.gen < self.gen, ENTRY.c.stream == stream), ENTRY.c.position)
        earlier = [
            replace(one, seq=place - len(before), index=one.index - (self.gen - one.document["gen"]) * GENERATION)
            for place, one in enumerate(before)
        ]
        return [one for one in earlier if from_seq is None or one.seq >= from_seq] + own

    def entry(self, index: int) -> Entry:
        """Return one entry, or refuse with `entry-unknown`."""
        found = self._select(ENTRY.c.position == position_of(self.gen, index), ENTRY.c.position) if index >= 0 else []
        if not found:
            raise Refusal("entry-unknown", status=404, index=index)
        return found[0]

    def operation(self, op: Op) -> tuple[Entry, ...]:
        """Return the entries of an operation, of whatever generation; empty if it is unknown."""
        with self.read() as connection:
            return stored_operation(connection, op)

    def next_seq(self, stream: Stream) -> int:
        """Return the place that the next entry of `stream` gets."""
        with self.read() as connection:
            return next_seq(connection, self.gen, stream)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the hashes from leaf `index` to the root of the first `size` entries."""
        with self.read() as connection:
            return inclusion_proof(index, size, tree_reader(connection, self.gen))

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the first `old` entries are the beginning of the first `new`."""
        with self.read() as connection:
            return consistency_proof(old, new, tree_reader(connection, self.gen))

    def latest_checkpoint(self) -> str | None:
        """Return the stored note of the largest size, if any."""
        note = select(CHECKPOINT.c.note).where(CHECKPOINT.c.gen == self.gen)
        with self.read() as connection:
            found: str | None = connection.execute(note.order_by(CHECKPOINT.c.size.desc()).limit(1)).scalar()
            return found

    def checkpoint_at(self, size: int) -> str | None:
        """Return the stored note for exactly `size` entries, if one was made."""
        note = select(CHECKPOINT.c.note).where(CHECKPOINT.c.gen == self.gen, CHECKPOINT.c.size == size)
        with self.read() as connection:
            found: str | None = connection.execute(note).scalar()
            return found

    def content(self, digest: str) -> tuple[bytes, bytes, str] | None:
        """Return salt, body and media type of detachable content; None if unknown or removed."""
        with self.read() as connection:
            row = connection.execute(select(CONTENT).where(CONTENT.c.digest == digest)).one_or_none()
        return None if row is None else (bytes(row.salt), bytes(row.body), row.media)

    def shown(self, digest: str) -> bytes | None:
        """Return the document that a signer saw, by its digest (hex)."""
        with self.read() as connection:
            found = connection.execute(select(SHOWN.c.body).where(SHOWN.c.digest == digest)).scalar()
        return None if found is None else bytes(found)

    def _select(self, where: ColumnElement[bool], order: ColumnElement[Any]) -> list[Entry]:
        with self.read() as connection:
            rows = connection.execute(select(*_BYTES).where(where).order_by(order)).all()
        return [_entry(row) for row in rows]


def first_index_at(connection: Connection, gen: int, moment: datetime) -> int:
    """Return how many entries stand before the first that was recorded at `moment` or later."""
    found = select(func.min(ENTRY.c.index)).where(ENTRY.c.gen == gen, ENTRY.c.at >= time_text(moment))
    first: int | None = connection.execute(found).scalar()
    return stored_size(connection, gen) if first is None else first


def stored_operation(connection: Connection, op: Op) -> tuple[Entry, ...]:
    """Return the stored entries of an operation in order."""
    return tuple(_entry(row) for row in connection.execute(_OPERATION, {"op": op}))


def _entry(row: Row[Any, Any]) -> Entry:
    return entry_of(bytes(row.body), bytes(row.leaf))
