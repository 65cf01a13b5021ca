"""What the main database holds for batch records: files frozen with their seal; and the questions to the ledger.

No projection: what is frozen was made once (a PDF, compressed samples, this release's schemas) and is given
back byte for byte for as long as the seal stands.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, Text, delete, insert, select

from mes.ids import Stream
from mes.ledger.entry import Entry
from mes.ledger.reader import entry_of
from mes.ledger.tables import CONTENT_REMOVAL, ENTRY, position_of
from mes.records.events import RecordSealed

stored = MetaData()

sealed_file = Table(
    "sealed_file",
    stored,
    Column("site", String(32), primary_key=True),
    Column("gen", Integer, primary_key=True, autoincrement=False),
    Column("seal", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
_BYTES = (ENTRY.c.body, ENTRY.c.leaf)
_SOME = 500


def keep(connection: Connection, site: str, gen: int, seal: int, files: Mapping[str, bytes]) -> None:
    """Freeze files of a seal; one that is frozen already stays as it is."""
    known = set(frozen_names(connection, site, gen, seal))
    rows = [
        {"site": site, "gen": gen, "seal": seal, "name": name, "body": body}
        for name, body in files.items()
        if name not in known
    ]
    if rows:
        connection.execute(insert(sealed_file), rows)


def frozen_names(connection: Connection, site: str, gen: int, seal: int) -> list[str]:
    """Name the files that are frozen with a seal."""
    kept = sealed_file.c
    where = (kept.site == site, kept.gen == gen, kept.seal == seal)
    return list(connection.execute(select(kept.name).where(*where).order_by(kept.name)).scalars())


def frozen(connection: Connection, site: str, gen: int, seal: int) -> dict[str, bytes]:
    """Return all files that are frozen with a seal."""
    kept = sealed_file.c
    where = (kept.site == site, kept.gen == gen, kept.seal == seal)
    rows = connection.execute(select(kept.name, kept.body).where(*where).order_by(kept.name))
    return {row.name: bytes(row.body) for row in rows}


def frozen_file(connection: Connection, site: str, gen: int, seal: int, name: str) -> bytes | None:
    """Return one frozen file, None if there is none."""
    kept = sealed_file.c
    where = (kept.site == site, kept.gen == gen, kept.seal == seal, kept.name == name)
    body = connection.execute(select(kept.body).where(*where)).scalar()
    return None if body is None else bytes(body)


def forget(connection: Connection, site: str, gen: int, seal: int, name: str) -> None:
    """Delete one frozen file, because it shows content that was removed since."""
    kept = sealed_file.c
    where = (kept.site == site, kept.gen == gen, kept.seal == seal, kept.name == name)
    connection.execute(delete(sealed_file).where(*where))


def whole_stream(connection: Connection, gen: int, stream: str, last_seq: int) -> list[Entry]:
    """Return a stream from its beginning to `last_seq`."""
    where = (ENTRY.c.gen == gen, ENTRY.c.stream == stream, ENTRY.c.seq <= last_seq)
    return _entries(connection, *where)


def in_all_generations(connection: Connection, gen: int, stream: str) -> list[Entry]:
    """Return a stream's entries of generations up to `gen`, with the places that their own generation gave them."""
    return _entries(connection, ENTRY.c.gen <= gen, ENTRY.c.stream == stream)


def at_place(connection: Connection, gen: int, stream: str, seq: int) -> list[Entry]:
    """Return the entry at a place of a stream; empty if there is none."""
    return _entries(connection, ENTRY.c.gen == gen, ENTRY.c.stream == stream, ENTRY.c.seq == seq)


def at_indexes(connection: Connection, gen: int, indexes: Iterable[int]) -> list[Entry]:
    """Return entries by their index."""
    wanted = sorted({position_of(gen, index) for index in indexes})
    return [
        entry
        for start in range(0, len(wanted), _SOME)
        for entry in _entries(connection, ENTRY.c.position.in_(wanted[start : start + _SOME]))
    ]


def of_types(connection: Connection, gen: int, stream: str, types: Iterable[str]) -> list[Entry]:
    """Return the entries of some types in one stream."""
    return _entries(connection, ENTRY.c.gen == gen, ENTRY.c.stream == stream, ENTRY.c.type.in_(tuple(types)))


def of_operation(connection: Connection, op: str, kind: str) -> list[Entry]:
    """Return the entries of one type in one operation."""
    return _entries(connection, ENTRY.c.op_id == op, ENTRY.c.type == kind)


def removals(connection: Connection, digests: Iterable[str]) -> list[Entry]:
    """Return the entries that removed any of these contents."""
    wanted = sorted(set(digests))
    found: list[Entry] = []
    for start in range(0, len(wanted), _SOME):
        gone = select(CONTENT_REMOVAL.c.position).where(CONTENT_REMOVAL.c.digest.in_(wanted[start : start + _SOME]))
        found += _entries(connection, ENTRY.c.position.in_(gone))
    return found


def seals(connection: Connection, gen: int, site_stream: Stream) -> list[Entry]:
    """Return all seals of a site, oldest first."""
    return of_types(connection, gen, site_stream, [RecordSealed.tag])


def _entries(connection: Connection, *where: object) -> list[Entry]:
    found = select(*_BYTES).where(*where).order_by(ENTRY.c.position)  # type: ignore[arg-type]
    return [entry_of(bytes(row.body), bytes(row.leaf)) for row in connection.execute(found)]
