"""Whether detachable content and shown documents are what the entries say: there and unaltered, or lawfully gone."""

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import Connection, select

from mes.errors import IntegrityBreach
from mes.ledger.content import content_digest
from mes.ledger.entry_checks import EntryChecks
from mes.ledger.tables import CONTENT, CONTENT_REMOVAL, GENERATION, SHOWN

MOST_AT_ONCE = 500


def check_contents(connection: Connection, checks: EntryChecks) -> None:
    """IntegrityBreach naming the first entry whose content was altered, is missing, or came back after removal."""
    bad: dict[int, str] = {}
    missing = set(checks.contents) - set(checks.removed)
    for row in connection.execute(select(CONTENT), execution_options={"yield_per": 100}):
        missing.discard(row.digest)
        index = checks.contents.get(row.digest, 0)
        if content_digest(bytes(row.salt), bytes(row.body)) != row.digest:
            bad[index] = "content was altered"
        elif row.digest in checks.removed:
            bad[index] = f"content is there although entry {checks.removed[row.digest]} removed it"
    bad |= {checks.contents[digest]: "content is missing" for digest in missing}
    _raise_first(bad)


def check_shown(connection: Connection, checks: EntryChecks) -> None:
    """IntegrityBreach naming the first signed entry whose shown document was altered or is missing."""
    bad: dict[int, str] = {}
    missing = set(checks.shown)
    for row in connection.execute(select(SHOWN), execution_options={"yield_per": 1_000}):
        missing.discard(row.digest)
        if sha256(bytes(row.body)).hexdigest() != row.digest:
            bad[checks.shown.get(row.digest, 0)] = "the document that was signed was altered"
    bad |= {checks.shown[digest]: "the document that was signed is missing" for digest in missing}
    _raise_first(bad)


def removals_of(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    """Return which of these contents were removed, each with the index of the entry that says why."""
    found: dict[str, int] = {}
    for low in range(0, len(digests), MOST_AT_ONCE):
        part = digests[low : low + MOST_AT_ONCE]
        rows = connection.execute(select(CONTENT_REMOVAL).where(CONTENT_REMOVAL.c.digest.in_(part)))
        found |= {row.digest: row.position % GENERATION for row in rows}
    return found


def _raise_first(bad: dict[int, str]) -> None:
    if bad:
        index = min(bad)
        raise IntegrityBreach(f"entry {index}: {bad[index]}", index=index)
