"""Writes a ledger as plain files for somebody who has nothing of ours, exactly as it is stored, good or bad."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from mes.ledger.database import open_engine
from mes.ledger.key_book import NAMING
from mes.ledger.reader import LedgerReader
from mes.ledger.tables import CHECKPOINT, CONTENT, ENTRY, NODE, SHOWN

HERE = Path(__file__).parent
COLUMNS = ("position", "gen", "stream", "seq", "type", "op_id", "op_n", "at")


def export_ledger(engine: Engine, out: Path, gen: int | None = None) -> int:
    """Write the newest generation (or `gen`) to the folder or, if it ends in `.zip`, the file `out`.

    Returns the number of entries. One snapshot, read-only; nothing is checked. An existing `out` raises
    FileExistsError. Refuses `ledger-missing`.
    """
    read_engine = open_engine(engine.url, read_only=True)
    try:
        reader = LedgerReader(read_engine, gen)
        with reader.read() as connection:
            files = dict(_files(connection, reader.gen))
    finally:
        read_engine.dispose()
    if out.suffix == ".zip":
        with zipfile.ZipFile(out, "x", zipfile.ZIP_DEFLATED) as container:
            for name, body in sorted(files.items()):
                container.writestr(name, body)
    else:
        out.mkdir(parents=True)
        for name, body in files.items():
            path = out / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(body)
    return files["rows.jsonl"].count(b"\n")


def _files(connection: Connection, gen: int) -> Iterator[tuple[str, bytes]]:
    bodies, rows, keys = [], [], []
    for row in connection.execute(select(ENTRY).where(ENTRY.c.gen == gen).order_by(ENTRY.c.position)):
        body = bytes(row.body)
        bodies.append(body + b"\n")
        stored = {name: row._mapping[name] for name in COLUMNS}
        rows.append({**stored, "leaf": bytes(row.leaf).hex(), "bytes": len(body)})
        if row.type in NAMING:
            keys.append({"index": row.index, "key": _key_in(body)})
    nodes = connection.execute(select(NODE).where(NODE.c.gen == gen).order_by(NODE.c.level, NODE.c.position))
    notes = connection.execute(select(CHECKPOINT).where(CHECKPOINT.c.gen == gen).order_by(CHECKPOINT.c.size)).all()
    yield "record.jsonl", b"".join(bodies)
    yield "rows.jsonl", _lines(rows)
    yield (
        "tree.jsonl",
        _lines(
            [{"level": n.level, "position": n.position, "hash": bytes(n.hash).hex(), "below": bytes(n.below).hex()}
             for n in nodes]
        ),
    )  # fmt: skip
    yield "checkpoints.txt", "".join(row.note for row in notes).encode()
    yield "checkpoints.json", json.dumps([[row.size, row.note] for row in notes], ensure_ascii=False).encode()
    yield "keys.json", json.dumps({"gen": gen, "keys": keys}, indent=1).encode()
    for row in connection.execute(select(CONTENT)):
        yield f"content/{row.digest}", bytes(row.salt) + bytes(row.body)
    for row in connection.execute(select(SHOWN)):
        yield f"shown/{row.digest}.json", bytes(row.body)
    yield "README.txt", (HERE / "readme.txt").read_bytes()
    yield "verify_ledger.py", (HERE / "verify_ledger.py").read_bytes()


def _lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _key_in(body: bytes) -> str | None:
    """Return the key that an entry names; None where a forged entry has none to read."""
    try:
        return str(json.loads(body)["data"]["key"])
    except (ValueError, KeyError, TypeError):
        return None
