"""Whether a batch's entries still agree with their hashes and with the ledger's tree, checked from stored bytes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mes.batches.model import BatchState
from mes.errors import Refusal
from mes.ids import Stream, stream
from mes.ledger.canonical import canonical
from mes.ledger.entry import Entry
from mes.ledger.merkle import leaf_hash, verify_inclusion
from mes.ledger.reader import LedgerReader
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
        tree = _Tree(self.ledger, self.ledger.size, self.ledger.root())
        for name in streams_of(state):
            try:
                entries = self.ledger.stream(name)
            except ValueError:
                return f"{name}: not readable"
            flaw = self._first_in(name, entries, tree)
            if flaw is not None:
                return flaw
        return None

    def _first_in(self, name: Stream, entries: Sequence[Entry], tree: "_Tree") -> str | None:
        trees = {self.ledger.gen: tree}
        upcoming: dict[int, int] = {}
        for entry in entries:
            gen, index, seq = (entry.document[key] for key in ("gen", "index", "seq"))
            if gen not in trees:  # an earlier generation, closed for good
                before = self.ledger.of_generation(gen)
                trees[gen] = _Tree(before, before.size, before.root())
            if index >= trees[gen].size:
                break
            if seq != upcoming.get(gen, 0) or not trees[gen].holds(entry, index):
                return f"{name} {seq}"
            upcoming[gen] = seq + 1
        return None


@dataclass(frozen=True, slots=True)
class _Tree:
    """One generation as it stood when the check began."""

    reader: LedgerReader
    size: int
    root: bytes

    def holds(self, entry: Entry, index: int) -> bool:
        """Whether the entry's bytes are canonical, match their leaf hash, and stand in the tree."""
        try:
            whole = canonical(json.loads(entry.body)) == entry.body and leaf_hash(entry.body) == entry.leaf
        except (ValueError, Refusal):
            return False
        proof = self.reader.inclusion_proof(index, self.size)
        return whole and verify_inclusion(entry.leaf, index, self.size, proof, self.root)


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
