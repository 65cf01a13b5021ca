"""The one writer of a ledger in its process: lock, transaction, cached head, one attempt and one more.

The head is cached between appends and read anew after any failure. Should another process have written all the
same, the database's unique keys refuse the place and the append is tried once more from a fresh head.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import RLock
from typing import Any

from sqlalchemy import Connection, Engine

from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ids import Op, Stream
from mes.ledger.accompanying import Accompanying
from mes.ledger.breach import BreachLog
from mes.ledger.drafting import Part
from mes.ledger.entry import Entry
from mes.ledger.events import time_text
from mes.ledger.heads import MAX_CACHED_STREAMS, Head, next_seq, read_head
from mes.ledger.inserting import Inserting, Overtaken
from mes.ledger.placing import Ground, place
from mes.ledger.reader import stored_operation
from mes.ledger.writing import WritingConnection


class Writer:
    """Appends operations to one generation of a ledger, one at a time."""

    def __init__(self, engine: Engine, ground: Ground, breaches: BreachLog, head: Head | None = None) -> None:
        """`head` is the one that was just read, if any."""
        self.lock = RLock()
        self._ground, self._breaches, self._head = ground, breaches, head
        self._writing = WritingConnection(engine)
        self._inserting = Inserting(engine.dialect)

    def append(
        self, op: Op, parts: Sequence[Part], who: dict[str, Any], now: datetime, others: Accompanying
    ) -> tuple[Entry, ...]:
        """Place and insert `parts`, and store `others` in the same transaction; a known `op` gets its entries.

        Whether `op` is known is asked only when the attempt fails: its unique key refuses it a second time.
        """
        with self.lock:
            try:
                return self._attempt(op, parts, who, now, others)
            except (Overtaken, Refusal) as failure:
                known = self._known(op)
                if known:
                    return known
                if isinstance(failure, Refusal) and failure.code != "somebody-was-faster":
                    raise
            try:  # once more, from a head that is read anew
                return self._attempt(op, parts, who, now, others)
            except Overtaken as failure:
                breach = IntegrityBreach("a place that must be free is taken", op=op, found=failure.__cause__)
                self._breaches.record(breach, time_text(now))
                raise breach from failure

    def _attempt(
        self, op: Op, parts: Sequence[Part], who: dict[str, Any], now: datetime, others: Accompanying
    ) -> tuple[Entry, ...]:
        gen, writing = self._ground.gen, self._writing
        with writing:
            cached, self._head = self._head, None  # put back only by success
            if cached is None:
                writing.begin()
                self._inserting.queue(writing.cursor)
            head = cached or self._read_head(writing.connection, now)

            def upcoming(stream: Stream) -> int:
                writing.begin()
                return next_seq(writing.connection, gen, stream)

            placed = place(self._ground, head, upcoming, op, who, parts, now)
            entries, needed = placed.steps + placed.own, others.needed_by(placed)
            if needed or placed.nodes or len(entries) > 1:
                writing.begin()
            self._inserting.entries(writing.cursor, gen, entries, placed.nodes)
            if needed:
                others.store(writing.connection, gen, placed)
        seqs = head.seqs if len(head.seqs) < MAX_CACHED_STREAMS else {}
        seqs.update(placed.head.seqs)
        self._head = Head(placed.head.frontier, placed.head.at, seqs)
        return placed.own

    def _known(self, op: Op) -> tuple[Entry, ...]:
        with self.transaction() as connection:
            return stored_operation(connection, op)

    def head(self, connection: Connection, now: datetime) -> Head:
        """Return the present head, read in `connection`'s transaction if it is not cached."""
        if self._head is None:
            self._head = self._read_head(connection, now)
        return self._head

    def _read_head(self, connection: Connection, now: datetime) -> Head:
        try:
            return read_head(connection, self._ground.gen)
        except IntegrityBreach as breach:
            self._breaches.record(breach, time_text(now))
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give the writing connection in a transaction of its own; the caller holds the lock.

        Fault `ledger-unavailable` if the database fails; whether a commit had succeeded is then unknown.
        """
        try:
            with self._writing.transaction() as connection:
                yield connection
        except Fault:
            self._head = None
            raise

    def close(self) -> None:
        """Give the writing connection back to the engine's pool."""
        with self.lock:
            self._writing.give_back()
