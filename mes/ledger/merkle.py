"""The Merkle tree of RFC 6962 section 2.1: hashes, frontier, proofs and their verification. Pure.

Of the inner nodes only every fourth level is stored (`STRIDE`): one row per 16 entries when appending, and a
proof reads at most 16 neighbours per stored level, O(log n) in all. A lowest stored node keeps a copy of its 16
leaf hashes, so that a check can name the one entry that was changed together with its own hash.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

STRIDE = 4
BLOCK = 1 << STRIDE
EMPTY_ROOT = sha256(b"").digest()

ReadLevel = Callable[[int, int, int], Sequence[bytes]]
"""(level, start, count): the hashes of complete subtrees of 2^level leaves; level 0, 4, 8 ..."""


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree of 2^level leaves, the `position`th from the left on its level.

    `below`: on the lowest stored level the leaf hashes under it, one after the other; empty above.
    """

    level: int
    position: int
    hash: bytes
    below: bytes


def leaf_hash(body: bytes) -> bytes:
    """Return the leaf hash of an entry's exact bytes."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: its size and the roots of its complete subtrees, largest first.

    `block` holds the leaf hashes after the last complete block of 16.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()
    block: tuple[bytes, ...] = ()

    def grown(self, leaves: Iterable[bytes]) -> "tuple[Frontier, list[Node]]":
        """Return the frontier after `leaves`, and the nodes to store that they completed."""
        size, peaks, block = self.size, list(self.peaks), list(self.block)
        nodes: list[Node] = []
        for leaf in leaves:
            made, level, position = leaf, 0, size
            block.append(leaf)
            while position & 1:
                made = sha256(b"\x01" + peaks.pop() + made).digest()
                level += 1
                position >>= 1
                if level == STRIDE:
                    nodes.append(Node(level, position, made, b"".join(block)))
                    block.clear()
                elif level % STRIDE == 0:
                    nodes.append(Node(level, position, made, b""))
            peaks.append(made)
            size += 1
        return Frontier(size, tuple(peaks), tuple(block)), nodes

    def root(self) -> bytes:
        """Return the root of the whole tree, 32 bytes."""
        return _folded(self.peaks) if self.peaks else EMPTY_ROOT


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    return Frontier().grown(leaves)[0].root()


def _folded(peaks: Sequence[bytes]) -> bytes:
    made = peaks[-1]
    for peak in reversed(peaks[:-1]):
        made = node_hash(peak, made)
    return made


def peaks_of(start: int, stop: int, read: ReadLevel) -> list[bytes]:
    """Return the roots of the complete subtrees that make up leaves `start` to `stop`, left to right."""
    peaks = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        peaks.append(_subtree(level, start >> level, read))
        start += 1 << level
    return peaks


def range_hash(start: int, stop: int, read: ReadLevel) -> bytes:
    """Return the RFC 6962 hash of the leaves `start` to `stop`, a range that occurs in some tree."""
    return _folded(peaks_of(start, stop, read)) if start < stop else EMPTY_ROOT


def frontier_of(size: int, read: ReadLevel) -> Frontier:
    """Return the frontier of a stored tree; LookupError where a stored hash is missing."""
    rest = size % BLOCK
    return Frontier(size, tuple(peaks_of(0, size, read)), tuple(read(0, size - rest, rest)))


def _subtree(level: int, position: int, read: ReadLevel) -> bytes:
    base = level - level % STRIDE
    width = 1 << (level - base)
    row = list(read(base, position * width, width))
    if len(row) != width:
        raise LookupError(f"level {base} holds {len(row)} of {width} nodes from {position * width}")
    while len(row) > 1:
        row = [node_hash(row[place], row[place + 1]) for place in range(0, len(row), 2)]
    return row[0]


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def inclusion_proof(index: int, size: int, read: ReadLevel) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves, from leaf to root."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    low, high, ranges = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return [range_hash(start, stop, read) for start, stop in reversed(ranges)]


def consistency_proof(old: int, new: int, read: ReadLevel) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with the one of `old`, 1 <= old <= new."""
    if not 1 <= old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    low, high, ranges = 0, new, []
    while old < high:
        middle = low + _split(high - low)
        if old <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low:
        ranges.append((low, high))
    return [range_hash(start, stop, read) for start, stop in reversed(ranges)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows `leaf` at `index` under `root` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or any(len(each) != 32 for each in (leaf, root, *proof)):
        return False
    at, last, made = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            made = node_hash(sibling, made)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            made = node_hash(made, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and made == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that tree `new` extends tree `old` (RFC 9162 section 2.1.4.2).

    An empty old tree is rejected here: nothing is proven by it. A witness accepts `old 0` before it asks.
    """
    if old == new and old >= 1:
        return not proof and old_root == new_root
    if not 1 <= old < new or any(len(each) != 32 for each in (old_root, new_root, *proof)):
        return False
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    made_old = made_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            made_old, made_new = node_hash(sibling, made_old), node_hash(sibling, made_new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            made_new = node_hash(made_new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and made_old == old_root and made_new == new_root
