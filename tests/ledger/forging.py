"""What somebody does who owns the database and knows the format: the acts of the tamper campaign."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from mes.ledger.canonical import canonical
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.heads import stored_root
from mes.ledger.keys import SiteKey
from mes.ledger.merkle import Frontier, leaf_hash
from mes.ledger.tables import CHECKPOINT, ENTRY, NODE, position_of
from mes.ledger.triggers import install_triggers

Act = Callable[[Connection], None]
LISTED = {
    "sqlite": "SELECT name, '' FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, ' ON ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal",
}


@contextmanager
def as_owner(engine: Engine) -> Iterator[Connection]:
    """Drop every trigger, give a connection, and put all back afterwards."""
    with engine.begin() as connection:
        for name, place in connection.execute(text(LISTED[engine.dialect.name])).all():
            connection.execute(text(f"DROP TRIGGER {name}{place}"))
        yield connection
        install_triggers(connection)


def change(connection: Connection, index: int, **columns: Any) -> None:
    """Change columns of an entry's row."""
    connection.execute(update(ENTRY).where(ENTRY.c.position == position_of(1, index)).values(columns))


def body_of(connection: Connection, index: int) -> bytes:
    """Return an entry's bytes."""
    found = select(ENTRY.c.body).where(ENTRY.c.position == position_of(1, index))
    return bytes(connection.execute(found).scalar_one())


def rebuild_tree(connection: Connection) -> None:
    """Recompute every leaf and the whole tree from the bodies that stand there now."""
    connection.execute(delete(NODE))
    rows = connection.execute(select(ENTRY.c.position, ENTRY.c.body).order_by(ENTRY.c.position)).all()
    leaves = [leaf_hash(bytes(row.body)) for row in rows]
    for row, leaf in zip(rows, leaves, strict=True):
        connection.execute(update(ENTRY).where(ENTRY.c.position == row.position).values(leaf=leaf))
    for node in Frontier().grown(leaves)[1]:
        row = {"level": node.level, "position": node.position, "hash": node.hash, "below": node.below}
        connection.execute(insert(NODE), {"gen": 1, **row})


def flip(index: int) -> Act:
    """Change one byte of an entry."""

    def act(connection: Connection) -> None:
        body = bytearray(body_of(connection, index))
        body[len(body) // 2] ^= 1
        change(connection, index, body=bytes(body))

    return act


def own_hash_too(index: int) -> Act:
    """Change an entry together with its leaf hash."""

    def act(connection: Connection) -> None:
        body = canonical({**json.loads(body_of(connection, index)), "data": {"n": 999}})
        change(connection, index, body=body, leaf=leaf_hash(body))

    return act


def rewritten(index: int, **fields: Any) -> Act:
    """Change fields of an entry, and its row where they stand there too, and recompute the tree."""

    def act(connection: Connection) -> None:
        body = canonical({**json.loads(body_of(connection, index)), **fields})
        columns = {name: value for name, value in fields.items() if name in ENTRY.c}
        change(connection, index, body=body, **columns)
        rebuild_tree(connection)

    return act


def reformatted(index: int) -> Act:
    """Write the same facts in another form, and recompute the tree."""

    def act(connection: Connection) -> None:
        change(connection, index, body=json.dumps(json.loads(body_of(connection, index))).encode())
        rebuild_tree(connection)

    return act


def swapped(one: int, two: int) -> Act:
    """Put two entries in each other's place, with their hashes."""

    def act(connection: Connection) -> None:
        first, second = body_of(connection, one), body_of(connection, two)
        change(connection, one, body=second, leaf=leaf_hash(second))
        change(connection, two, body=first, leaf=leaf_hash(first))

    return act


def removed(index: int) -> Act:
    """Delete one entry."""

    def act(connection: Connection) -> None:
        connection.execute(delete(ENTRY).where(ENTRY.c.position == position_of(1, index)))

    return act


def cut(size: int) -> Act:
    """Delete everything from `size` on, and recompute the tree."""

    def act(connection: Connection) -> None:
        connection.execute(delete(ENTRY).where(ENTRY.c.position >= position_of(1, size)))
        rebuild_tree(connection)

    return act


def row(index: int, **columns: Any) -> Act:
    """Change an entry's row, not the entry."""
    return lambda connection: change(connection, index, **columns)


def sql(statement: str) -> Act:
    """Execute a statement."""

    def act(connection: Connection) -> None:
        connection.execute(text(statement))

    return act


def renumbered(edit: Callable[[list[dict[str, Any]]], None]) -> Act:
    """Let `edit` change the list of entries, give each its place in ledger and stream anew, and recompute the tree."""

    def act(connection: Connection) -> None:
        rows = connection.execute(select(ENTRY).order_by(ENTRY.c.position)).all()
        documents = [json.loads(bytes(one.body)) for one in rows]
        edit(documents)
        connection.execute(delete(ENTRY))
        seqs: dict[str, int] = {}
        for index, document in enumerate(documents):
            document |= {"index": index, "seq": seqs.get(document["stream"], 0)}
            seqs[document["stream"]] = document["seq"] + 1
            body, op = canonical(document), document["op"]
            columns = {name: document[name] for name in ("gen", "index", "stream", "seq", "type", "at")}
            place = {"position": position_of(1, index), "op_id": op["id"], "op_n": op["n"]}
            connection.execute(insert(ENTRY), {**columns, **place, "body": body, "leaf": leaf_hash(body)})
        rebuild_tree(connection)

    return act


def resigned(key: SiteKey, size: int) -> Act:
    """Sign the first `size` entries as they stand now, in place of every checkpoint, as the key's owner can."""

    def act(connection: Connection) -> None:
        connection.execute(delete(CHECKPOINT))
        note = key.signed_note(Checkpoint(key.name, size, stored_root(connection, 1, size)).text)
        connection.execute(insert(CHECKPOINT), {"gen": 1, "size": size, "at": "", "note": note})

    return act


def rolled_back(size: int) -> Act:
    """Put back what stood there when `size` entries were: a file of last week."""

    def act(connection: Connection) -> None:
        connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.size > size))
        cut(size)(connection)

    return act
