"""Everything below data/ of a bundle: what the ledger holds, what was frozen with the seal, and the words with it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, select

from mes.equipment.tables.stored import nodemap_file
from mes.errors import IntegrityBreach
from mes.ledger.reader import LedgerReader
from mes.masters.tables import file_of
from mes.records.bundle import earlier
from mes.records.bundle.bag import bagged
from mes.records.bundle.lines import inclusion_lines
from mes.records.record import Record

PDF, README, KEYS, CHECKPOINT = "data/ebr.pdf", "data/README.txt", "data/keys.json", "data/checkpoint.txt"
CONTENTS = "contents"
"""Frozen beside the files, but in no bundle: the digests of the content that the PDF shows."""
VERIFIER = "verify.py"
"""Lies beside data/, not in it."""


def verifier() -> bytes:
    """Return the program that checks a bundle, as this release ships it."""
    return (Path(__file__).parent / "verify.py").read_bytes()


def ledger_files(ledger: LedgerReader, record: Record) -> dict[str, bytes]:
    """Return what the ledger and the stores beside it give, the same at every export."""
    with ledger.read() as connection:
        master = file_of(connection, str(record.seal.data["master"]))
        maps = dict(_node_maps(connection, record))
    if master is None:
        raise IntegrityBreach("the master of a sealed record is gone", index=record.seal.index)
    return {
        "data/record.jsonl": record.jsonl,
        "data/inclusion.jsonl": inclusion_lines(ledger, record.own, record.seal.index + 1),
        **earlier.given(ledger, record),
        "data/master.yaml": master,
        **maps,
        **{f"data/shown/{digest}.json": body for digest, body in record.shown.items()},
        **{f"data/content/{digest}": salt + body for digest, (salt, body, _) in record.contents.items()},
    }


def _node_maps(connection: Connection, record: Record) -> Iterator[tuple[str, bytes]]:
    named = {text for entry in record.entries for text in _texts(dict(entry.data))}
    for row in connection.execute(select(nodemap_file).order_by(nodemap_file.c.digest)):
        if row.digest in named:
            yield f"data/nodemaps/{row.digest}.yaml", bytes(row.body)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(part)


def bundle(
    record: Record, given: Mapping[str, bytes], frozen: Mapping[str, bytes], info: Mapping[str, str]
) -> dict[str, bytes]:
    """Return every file of the bag by its name below the base folder."""
    payload = {name: body for name, body in {**given, **frozen}.items() if name.startswith("data/")}
    day = str(record.seal.document["at"])[:10]
    return bagged(payload, {VERIFIER: frozen[VERIFIER]}, {"Bagging-Date": day, **info})
