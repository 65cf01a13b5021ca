"""Whether a batch's entries still agree with their hashes and with the ledger's tree, checked from stored bytes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from mes.batches.model import BatchState
from mes.errors import Refusal
from mes.ids import Stream, stream
from mes.ledger.canonical import canonical
from mes.ledger.entry import Entry
from mes.ledger.merkle import leaf_hash, verify_inclusion
from mes.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class BatchIntegrity:
    """Checks one batch; the whole ledger is checked by `mes ledger verify` and by the bundle's own program."""

    ledger: Ledger

    def first_flaw(self, state: BatchState) -> str | None:
        """Return the first entry that is wrong, in words, or None if all of the batch's entries are right.

        Checks per stream: no gap, canonical bytes, the leaf is the hash of the bytes, and the leaf is in the tree.
        Rule: REG-P11-10a, gate G-14.
        """
        size, root = self.ledger.size, self.ledger.root()
        for name in streams_of(state):
            try:
                entries = self.ledger.stream(name)
            except ValueError:
                return f"{name}: not readable"
            for seq, entry in enumerate(entries):
                if entry.index >= size:
                    break
                if entry.seq != seq or not self._stands(entry, size, root):
                    return f"{name} {seq}"
        return None

    def _stands(self, entry: Entry, size: int, root: bytes) -> bool:
        try:
            whole = canonical(json.loads(entry.body)) == entry.body and leaf_hash(entry.body) == entry.leaf
        except (ValueError, Refusal):
            return False
        proof = self.ledger.inclusion_proof(entry.index, size)
        return whole and verify_inclusion(entry.leaf, entry.index, size, proof, root)


def streams_of(state: BatchState) -> Iterator[Stream]:
    """Name the streams that make up the record of a batch."""
    yield state.stream
    yield stream("order", state.order)
    if state.run is not None:
        yield stream("run", state.run)
    for container in state.containers:
        yield stream("container", container)
    for certificate in state.certificates.values():
        yield stream("certificate", certificate)
