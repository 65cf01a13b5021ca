"""The register of masters (a projection), and the files that digests in the ledger name (`stored`, no projection)."""

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from mes.ledger.entry import Entry
from mes.ledger.events import decode_event
from mes.masters.events import MasterApproved, MasterImported, MasterSuperseded

projected = MetaData()
stored = MetaData()

master_version = Table(
    "master_version",
    projected,
    Column("site", String(32), primary_key=True),
    Column("master", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("product", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("specification", String(64), nullable=False),
    Column("author", String(64), nullable=False),
    Column("approver", String(64)),
    Column("superseded_by", Integer),
)
master_file = Table(
    "master_file",
    stored,
    Column("digest", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Files by their SHA-256: each master as handed in, and flattened as a batch executes it."""


def project(connection: Connection, entry: Entry) -> None:
    """Bring the register up to one entry; entries of other rooms pass by."""
    if not entry.type.startswith("master:"):
        return
    event = decode_event(entry.type, entry.tv, entry.data)
    site = str(entry.document["site"])
    match event:
        case MasterImported():
            _imported(connection, site, event)
        case MasterApproved():
            _set(connection, site, event, approver=event.approver)
        case MasterSuperseded():
            _set(connection, site, event, superseded_by=event.by_version)
        case _:
            pass


PROJECTION = (projected, project)


def register(connection: Connection, site: str) -> Sequence[RowMapping]:
    """Return all versions of all masters, by id, the newest version first."""
    query = select(master_version).where(master_version.c.site == site)
    return connection.execute(query.order_by(master_version.c.master, master_version.c.version.desc())).mappings().all()


def keep_file(connection: Connection, body: bytes) -> None:
    """Store bytes under their SHA-256, once."""
    digest = sha256(body).hexdigest()
    if file_of(connection, digest) is None:
        connection.execute(insert(master_file), {"digest": digest, "body": body})


def file_of(connection: Connection, digest: str) -> bytes | None:
    """Return the bytes stored under a digest, None if there are none."""
    row = connection.execute(select(master_file.c.body).where(master_file.c.digest == digest)).first()
    return None if row is None else bytes(row.body)


def _key(site: str, event: MasterImported | MasterApproved | MasterSuperseded) -> tuple[object, ...]:
    columns = master_version.c
    return (columns.site == site, columns.master == event.master, columns.version == event.version)


def _imported(connection: Connection, site: str, event: MasterImported) -> None:
    connection.execute(delete(master_version).where(*_key(site, event)))  # type: ignore[arg-type]
    values = {
        "site": site,
        "master": event.master,
        "version": event.version,
        "digest": event.digest,
        "product": event.product,
        "title": event.title,
        "kind": event.kind,
        "specification": event.specification,
        "author": event.author,
    }
    connection.execute(insert(master_version), values)


def _set(connection: Connection, site: str, event: MasterApproved | MasterSuperseded, **values: object) -> None:
    connection.execute(update(master_version).where(*_key(site, event)).values(**values))  # type: ignore[arg-type]
