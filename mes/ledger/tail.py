"""The tail of a ledger at a start: its last entries from their bytes, against their rows and hashes.

A start must be quick, so that only what came since the last checkpoint is read (at most MOST entries): that is where a
power cut, a lost WAL or a torn page leave their mark. Everything before is the nightly check's.
"""

import json

from sqlalchemy import Connection, func, select

from mes.errors import IntegrityBreach
from mes.ids import Stream
from mes.ledger.entry_checks import COLUMNS
from mes.ledger.heads import stored_size
from mes.ledger.merkle import leaf_hash
from mes.ledger.tables import CHECKPOINT, ENTRY, position_of

LEAST, MOST = 64, 4_096
"""At least so many entries are read even after a fresh checkpoint, and at most so many without one."""


def check_tail(connection: Connection, gen: int) -> int:
    """Return how many entries were read; IntegrityBreach names the first that is missing, damaged or out of place."""
    size = stored_size(connection, gen)
    signed = select(func.max(CHECKPOINT.c.size)).where(CHECKPOINT.c.gen == gen)
    since = min(int(connection.execute(signed).scalar() or 0), size - LEAST)
    start = max(0, since, size - MOST)
    where = ENTRY.c.position.between(position_of(gen, start), position_of(gen, size) - 1)
    rows = connection.execute(select(ENTRY).where(where).order_by(ENTRY.c.position)).all()
    for index, row in enumerate(rows, start):
        if row.position != position_of(gen, index):
            raise IntegrityBreach(f"entry {index} is missing", index=index)
        if leaf_hash(bytes(row.body)) != bytes(row.leaf):
            raise IntegrityBreach(
                f"entry {index} does not match its leaf hash", index=index, stream=None, in_stream=Stream(row.stream)
            )
        document = json.loads(bytes(row.body))
        if any(document[name] != row._mapping[name] for name in COLUMNS):
            raise IntegrityBreach(f"entry {index}: its row says another place", index=index)
    return len(rows)
