"""The ledger's tables. Bytes are stored as bytes, never as a database's own JSON."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()
GENERATION = 1 << 40
"""`entry.position` is gen x 2^40 + index: one integer key, by which SQLite keeps the table without another index."""


def position_of(gen: int, index: int) -> int:
    """Return the key of an entry."""
    return gen * GENERATION + index


ENTRY = Table(
    "entry",
    METADATA,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("gen", Integer, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("op_id", Text, nullable=False),
    Column("op_n", Integer, nullable=False),
    Column("at", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    UniqueConstraint("gen", "stream", "seq", name="entry_stream"),
    UniqueConstraint("op_id", "op_n", name="entry_op"),
    CheckConstraint(f'position = gen * {GENERATION} + "index"', name="entry_position"),
)

NODE = Table(
    "tree_node",
    METADATA,
    Column("gen", Integer, primary_key=True),
    Column("level", Integer, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("below", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

CHECKPOINT = Table(
    "checkpoint",
    METADATA,
    Column("gen", Integer, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_with_rowid=False,
)

CONTENT = Table(
    "content",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("media", Text, nullable=False),
)
"""The only table of which rows may go, and only those that CONTENT_REMOVAL names."""

CONTENT_REMOVAL = Table(
    "content_removal",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("position", ForeignKey("entry.position"), nullable=False),
    sqlite_with_rowid=False,
)
"""Content that is gone, and the entry that says why; the triggers demand that this entry exists."""

SHOWN = Table(
    "shown",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "entry": (("position",), ("gen", "stream", "seq"), ("op_id", "op_n")),
    "tree_node": (("gen", "level", "position"),),
    "checkpoint": (("gen", "size"),),
    "content": (("digest",),),
    "content_removal": (("digest",),),
    "shown": (("digest",),),
}
"""Every unique key of every ledger table: an insert that meets one of them is refused, not turned into a replace."""
