"""Writes placed entries, tree nodes, content and shown documents inside the append's transaction."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, delete, func, insert, literal_column, select

from mes.errors import Refusal
from mes.ledger.content import checked_content, content_references
from mes.ledger.database import Prepared
from mes.ledger.entry import Content, Entry
from mes.ledger.merkle import Node
from mes.ledger.site_events import ContentRemoved
from mes.ledger.tables import CONTENT, CONTENT_REMOVAL, ENTRY, NODE, SHOWN, position_of

WRITE_LOCK_KEY = 0x5E97_1A02
"""PostgreSQL's advisory lock in which appends to one database queue."""


_SHOWN = select(SHOWN.c.digest).where(SHOWN.c.digest == bindparam("digest"))
_KEEP_SHOWN = insert(SHOWN)


class Overtaken(Exception):
    """The place or the operation is taken: the operation is known already, or the cached head is old."""


class Inserting:
    """The statements of the append path, compiled once for one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._node = Prepared(insert(NODE), dialect)
        self._queues = dialect.name == "postgresql"
        columns = list(ENTRY.c)
        values = [bindparam(f"p{place}", type_=column.type) for place, column in enumerate(columns)]
        if self._queues:  # writers queue here instead of meeting in the unique keys
            lock = func.pg_advisory_xact_lock(literal_column(str(WRITE_LOCK_KEY))).table_valued("locked")
            placed = insert(ENTRY).from_select(columns, select(*values).select_from(lock))
            self._entry = Prepared(placed, dialect)
        else:
            self._entry = Prepared(insert(ENTRY), dialect)
        driver: Any = dialect.loaded_dbapi
        self._clashes: tuple[type[Exception], ...] = (driver.IntegrityError,)

    def queue(self, cursor: Any) -> None:
        """Wait for every other writer before the head is read; on SQLite the transaction's begin did that."""
        if self._queues:
            cursor.execute(f"SELECT pg_advisory_xact_lock({WRITE_LOCK_KEY})")

    def entries(self, cursor: Any, gen: int, entries: Sequence[Entry], nodes: Sequence[Node]) -> None:
        """Insert entries and the tree nodes that they completed; Overtaken if a place or the operation is taken.

        `cursor` is the driver's. One entry without nodes is one statement and needs no transaction around it.
        """
        rows = [_row(gen, entry) for entry in entries]
        try:
            if len(rows) == 1:
                self._entry.run(cursor, rows[0])
            else:
                self._entry.run_each(cursor, rows)
            if nodes:
                self._node.run_each(cursor, [(gen, node.level, node.position, node.hash, node.below) for node in nodes])
        except self._clashes as error:
            raise Overtaken from error


def _row(gen: int, entry: Entry) -> tuple[Any, ...]:
    """Return the values of ENTRY's columns in their order."""
    document = entry.document
    return (
        position_of(gen, entry.index),
        gen,
        entry.index,
        entry.stream,
        entry.seq,
        entry.type,
        entry.op,
        document["op"]["n"],
        document["at"],
        entry.body,
        entry.leaf,
    )


def store_contents(connection: Connection, entries: Sequence[Entry], contents: Sequence[Content]) -> None:
    """Store content given with an operation, and check that every reference of its entries leads somewhere.

    Refuses `content-unknown` for a reference to content that is neither given, stored nor removed.
    """
    wanted = {
        digest for entry in entries if b'"content":' in entry.body for digest in content_references(entry.document)
    }
    given = {content.digest: checked_content(content) for content in contents}
    if given.keys() - wanted:
        raise ValueError("content that no entry of the operation refers to")
    for digest in sorted(wanted):
        known = _exists(connection, CONTENT.c.digest, digest)
        if digest in given and not known:
            new = given[digest]
            row = {"digest": digest, "salt": new.salt, "body": new.body, "media": new.media}
            connection.execute(insert(CONTENT), row)
        elif not known and not _exists(connection, CONTENT_REMOVAL.c.digest, digest):
            raise Refusal("content-unknown", digest=digest)


def remove_contents(connection: Connection, gen: int, entries: Sequence[Entry]) -> None:
    """Delete the content that `content:removed` entries name, in their own transaction."""
    for entry in entries:
        if entry.type != ContentRemoved.tag:
            continue
        digest = entry.data["content"]
        if not _exists(connection, CONTENT.c.digest, digest):
            raise Refusal("content-unknown", digest=digest)
        connection.execute(insert(CONTENT_REMOVAL), {"digest": digest, "position": position_of(gen, entry.index)})
        connection.execute(delete(CONTENT).where(CONTENT.c.digest == digest))


def store_shown(connection: Connection, entries: Sequence[Entry], shown: Sequence[bytes]) -> None:
    """Store the documents that signers saw; ValueError where a signature's document is neither given nor stored."""
    given = {sha256(body).hexdigest(): body for body in shown}
    for digest, body in given.items():
        if connection.execute(_SHOWN, {"digest": digest}).first() is None:
            connection.execute(_KEEP_SHOWN, {"digest": digest, "body": body})
    for entry in entries:
        signed = entry.document.get("signature")
        if signed is None or "shown" not in signed or signed["shown"] in given:
            continue
        if not _exists(connection, SHOWN.c.digest, signed["shown"]):
            raise ValueError(f"entry {entry.index}: the document that was signed is not stored")


def check_references(connection: Connection, gen: int, entries: Sequence[Entry]) -> None:
    """Refuse `reference-unknown` where an entry relies on one of this ledger that does not stand there."""
    for entry in entries:
        here = position_of(gen, entry.index)
        for ref in entry.document.get("refs", ()):
            if "site" in ref:
                continue
            target = select(ENTRY.c.leaf).where(ENTRY.c.position == position_of(gen, ref["index"]))
            leaf = connection.execute(target).scalar()
            if leaf is None or bytes(leaf).hex() != ref["leaf"]:
                raise Refusal("reference-unknown", index=ref["index"])
        correction = entry.document.get("corrects")
        if correction is not None:
            place = (ENTRY.c.stream == correction["stream"], ENTRY.c.seq == correction["seq"])
            corrected = select(ENTRY.c.position).where(ENTRY.c.gen == gen, *place, ENTRY.c.position < here)
            if connection.execute(corrected).first() is None:
                raise Refusal("correction-of-nothing", stream=correction["stream"], seq=correction["seq"])


def _exists(connection: Connection, column: Any, digest: str) -> bool:
    return connection.execute(select(column).where(column == digest)).first() is not None
