"""Writes placed entries, tree nodes, content and shown documents inside the append's transaction."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from mes.errors import Refusal
from mes.ids import Op
from mes.ledger.content import checked_content, content_references
from mes.ledger.database import Prepared
from mes.ledger.entry import Content, Entry
from mes.ledger.events import time_text
from mes.ledger.merkle import Node
from mes.ledger.site_events import ContentRemoved
from mes.ledger.tables import CONTENT, CONTENT_REMOVAL, ENTRY, NODE, SHOWN

WRITE_LOCK_KEY = 0x5E97_1A02
"""PostgreSQL's advisory lock in which appends to one database queue."""


class Overtaken(Exception):
    """Somebody else wrote to this database: the cached head is old."""


class Inserting:
    """The statements of the append path, compiled once for one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._entry = Prepared(insert(ENTRY), dialect)
        self._node = Prepared(insert(NODE), dialect)
        operation = select(ENTRY.c.body, ENTRY.c.leaf).where(ENTRY.c.op_id == bindparam("op"))
        self._operation = Prepared(operation.order_by(ENTRY.c.op_n), dialect)
        self._queues = dialect.name == "postgresql"

    def operation(self, connection: Connection, op: Op) -> list[tuple[bytes, bytes]]:
        """Return the stored bytes of an operation; on PostgreSQL, queue for the write lock first."""
        if self._queues:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK_KEY})")
        return [(bytes(body), bytes(leaf)) for body, leaf in self._operation.run(connection, op=op)]

    def entries(self, connection: Connection, gen: int, entries: Sequence[Entry], nodes: list[Node]) -> None:
        """Insert entries and the tree nodes that they completed; Overtaken if a place is taken."""
        rows = [_row(gen, entry) for entry in entries]
        try:
            if len(rows) == 1:
                self._entry.run(connection, **rows[0])
            else:
                self._entry.run_each(connection, rows)
            self._node.run_each(
                connection,
                [{"gen": gen, "level": each.level, "position": each.position, "hash": each.hash} for each in nodes],
            )
        except IntegrityError as error:
            raise Overtaken from error


def _row(gen: int, entry: Entry) -> dict[str, Any]:
    return {
        "gen": gen,
        "index": entry.index,
        "stream": entry.stream,
        "seq": entry.seq,
        "type": entry.type,
        "op_id": entry.op,
        "op_n": entry.document["op"]["n"],
        "at": entry.document["at"],
        "body": entry.body,
        "leaf": entry.leaf,
    }


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
        connection.execute(insert(CONTENT_REMOVAL), {"digest": digest, "gen": gen, "index": entry.index})
        connection.execute(delete(CONTENT).where(CONTENT.c.digest == digest))


def store_shown(connection: Connection, entries: Sequence[Entry], shown: Sequence[bytes]) -> None:
    """Store the documents that signers saw; ValueError where a signature's document is neither given nor stored."""
    given = {sha256(body).hexdigest(): body for body in shown}
    for digest, body in given.items():
        if not _exists(connection, SHOWN.c.digest, digest):
            connection.execute(insert(SHOWN), {"digest": digest, "body": body})
    for entry in entries:
        signed = entry.document.get("signature")
        if signed is None or "shown" not in signed or signed["shown"] in given:
            continue
        if not _exists(connection, SHOWN.c.digest, signed["shown"]):
            raise ValueError(f"entry {entry.index}: the document that was signed is not stored")


def check_references(connection: Connection, gen: int, entries: Sequence[Entry]) -> None:
    """Refuse `reference-unknown` where an entry relies on one of this ledger that does not stand there."""
    for entry in entries:
        for ref in entry.document.get("refs", ()):
            if "site" in ref:
                continue
            where = (ENTRY.c.gen == gen, ENTRY.c.index == ref["index"])
            leaf = connection.execute(select(ENTRY.c.leaf).where(*where)).scalar()
            if leaf is None or bytes(leaf).hex() != ref["leaf"]:
                raise Refusal("reference-unknown", index=ref["index"])
        correction = entry.document.get("corrects")
        if correction is not None:
            place = (ENTRY.c.stream == correction["stream"], ENTRY.c.seq == correction["seq"])
            target = select(ENTRY.c.index).where(ENTRY.c.gen == gen, *place)
            if connection.execute(target).scalar() is None:
                raise Refusal("correction-of-nothing", **correction)


def _exists(connection: Connection, column: Any, digest: str) -> bool:
    return connection.execute(select(column).where(column == digest)).first() is not None


def checkpoint_row(gen: int, size: int, at: Any, note: str) -> dict[str, Any]:
    """Return the row of a checkpoint note."""
    return {"gen": gen, "size": size, "at": time_text(at), "note": note}
