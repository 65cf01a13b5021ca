"""How far a ledger was verified, kept in a file outside the database, so that the next check begins there.

The file is not believed: its tree must be the beginning of the present one (RFC 6962 consistency), and its digest
must stand. What was verified before is not read again until the next full check, so a full one is due weekly.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from mes.errors import IntegrityBreach
from mes.ids import Stream
from mes.ledger.canonical import encoded
from mes.ledger.content import content_digest
from mes.ledger.entry_checks import EntryChecks
from mes.ledger.events import time_text
from mes.ledger.heads import stored_root, stored_size, tree_reader
from mes.ledger.merkle import Frontier, consistency_proof, verify_consistency
from mes.ledger.tables import CONTENT, SHOWN
from mes.settings import private_file

FORMAT = 1
MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reached:
    """The state of a verification after its last entry: where the next one goes on."""

    site: str
    gen: int
    frontier: Frontier
    checkpoints: int
    signed_size: int
    last_at: str = ""
    op: tuple[str, int, int] = ("", 0, 1)
    seqs: Mapping[Stream, int] = field(default_factory=dict, repr=False)
    checked_at: datetime | None = None
    """Record time of the check."""
    full_at: datetime | None = None
    """Record time of the last check that read every entry."""

    @property
    def size(self) -> int:
        """Return the number of entries that were verified."""
        return self.frontier.size

    def at(self, now: datetime, full_at: datetime | None) -> "Reached":
        """Return this state with the times of its check."""
        return replace(self, checked_at=now, full_at=full_at)

    def checks(self) -> EntryChecks:
        """Return the entry checks as they stood after the last verified entry."""
        return EntryChecks(self.gen, site=self.site, last_at=self.last_at, seqs=dict(self.seqs), op=self.op)


def check_beginning(connection: Connection, reached: Reached) -> None:
    """IntegrityBreach unless the stored tree begins with what was verified: an older copy, or rewritten entries."""
    size, root = stored_size(connection, reached.gen), reached.frontier.root()
    if size < reached.size:
        raise IntegrityBreach(f"the ledger ends at {size}, but {reached.size} entries were verified", index=size)
    read = tree_reader(connection, reached.gen)
    try:
        stands = stored_root(connection, reached.gen, reached.size) == root and verify_consistency(
            reached.size,
            size,
            root,
            stored_root(connection, reached.gen, size),
            consistency_proof(reached.size, size, read),
        )
    except LookupError as error:
        raise IntegrityBreach("the stored tree has a gap", gap=str(error)) from error
    if not stands:
        raise IntegrityBreach(f"the first {reached.size} entries are not those that were verified", root=root.hex())


def check_new_documents(connection: Connection, checks: EntryChecks) -> None:
    """Check content and shown documents that the entries read by `checks` name; IntegrityBreach names the first bad."""
    bad: dict[int, str] = {}
    for digest, index in checks.contents.items():
        row = connection.execute(select(CONTENT.c.salt, CONTENT.c.body).where(CONTENT.c.digest == digest)).one_or_none()
        if row is None and digest not in checks.removed:
            bad[index] = "content is missing"
        elif row is not None and content_digest(bytes(row.salt), bytes(row.body)) != digest:
            bad[index] = "content was altered"
    for digest, index in checks.removed.items():
        if connection.execute(select(CONTENT.c.digest).where(CONTENT.c.digest == digest)).first() is not None:
            bad[index] = "content is there although this entry removed it"
    for digest, index in checks.shown.items():
        body = connection.execute(select(SHOWN.c.body).where(SHOWN.c.digest == digest)).scalar()
        if body is None or sha256(bytes(body)).hexdigest() != digest:
            bad[index] = "the document that was signed is missing or was altered"
    if bad:
        index = min(bad)
        raise IntegrityBreach(f"entry {index}: {bad[index]}", index=index)


class ReachedFile:
    """The file that says how far was verified. A damaged or missing one means: begin at the first entry."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, reached: Reached) -> None:
        """Put `reached` in the file, durably and in one step."""
        document = _document(reached)
        digest = sha256(encoded(document)).hexdigest()
        private_file(self._path, json.dumps({"sha256": digest, "reached": document}).encode())

    def read(self) -> Reached | None:
        """Return what was reached; None where the file is missing, damaged or of another format."""
        try:
            if self._path.stat().st_size > MAX_BYTES:
                return None
            found: Any = json.loads(self._path.read_bytes())
            document = found["reached"]
            if document["format"] != FORMAT or sha256(encoded(document)).hexdigest() != found["sha256"]:
                return None
            return _reached(document)
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _document(reached: Reached) -> dict[str, Any]:
    frontier = reached.frontier
    return {
        **asdict(replace(reached, frontier=Frontier(), seqs={})),
        "format": FORMAT,
        "op": list(reached.op),
        "frontier": {
            "size": frontier.size,
            "peaks": [peak.hex() for peak in frontier.peaks],
            "block": [leaf.hex() for leaf in frontier.block],
        },
        "seqs": dict(sorted(reached.seqs.items())),
        "checked_at": time_text(reached.checked_at) if reached.checked_at else None,
        "full_at": time_text(reached.full_at) if reached.full_at else None,
    }


def _reached(document: Mapping[str, Any]) -> Reached:
    frontier, (op, n, of) = document["frontier"], document["op"]
    times = {
        name: datetime.fromisoformat(document[name]) if document[name] else None for name in ("checked_at", "full_at")
    }
    return Reached(
        document["site"],
        document["gen"],
        Frontier(
            frontier["size"],
            tuple(bytes.fromhex(peak) for peak in frontier["peaks"]),
            tuple(bytes.fromhex(leaf) for leaf in frontier["block"]),
        ),
        document["checkpoints"],
        document["signed_size"],
        document["last_at"],
        (op, n, of),
        {Stream(name): seq for name, seq in document["seqs"].items()},
        **times,
    )
