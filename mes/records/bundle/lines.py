"""inclusion.jsonl: for each line of a record the proof that it is in the signed tree of its ledger."""

from base64 import b64encode
from collections.abc import Iterable

from mes.ledger.canonical import encoded
from mes.ledger.entry import Entry
from mes.ledger.reader import LedgerReader


def inclusion_lines(ledger: LedgerReader, entries: Iterable[Entry], size: int) -> bytes:
    """Return the proofs under the checkpoint of `size` entries; an empty one where an entry stands behind it."""
    lines = []
    for entry in entries:
        index = int(entry.document["index"])
        nodes = ledger.inclusion_proof(index, size) if index < size else []
        lines.append(encoded({"index": index, "proof": [b64encode(node).decode() for node in nodes]}) + b"\n")
    return b"".join(lines)
