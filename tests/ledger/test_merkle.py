"""RFC 6962: hashes, roots, proofs; the public vectors, and what they say must be rejected."""

from base64 import b64decode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.ledger.merkle import (
    BLOCK,
    EMPTY_ROOT,
    STRIDE,
    Frontier,
    Node,
    ReadLevel,
    consistency_proof,
    frontier_of,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.vectors import vectors

PROOFS = vectors("rfc6962_proofs_transparency_dev.json")
LEAVES = [leaf_hash(str(number).encode()) for number in range(600)]
SIZES = st.integers(1, len(LEAVES))


def name_of(case: dict[str, Any]) -> str:
    return f"{case['file']} {case['desc']}".replace(" ", "-")


def raw(text: str | None) -> bytes:
    return b64decode(text or "")


@pytest.mark.parametrize("case", PROOFS["inclusion"], ids=name_of)
def test_inclusion_as_the_public_vectors_say(case: dict[str, Any]) -> None:
    proof = [raw(each) for each in case["proof"] or []]
    leaf, root = raw(case["leafHash"]), raw(case["root"])
    assert verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root) is not case["wantErr"]


@pytest.mark.parametrize("case", PROOFS["consistency"], ids=name_of)
def test_consistency_as_the_public_vectors_say(case: dict[str, Any]) -> None:
    proof = [raw(each) for each in case["proof"] or []]
    roots = raw(case["root1"]), raw(case["root2"])
    assert verify_consistency(case["size1"], case["size2"], *roots, proof) is not case["wantErr"]


def test_the_constants_of_the_standard() -> None:
    constants = vectors("signed_note_c2sp.json")["rfc6962_hashes"]
    assert EMPTY_ROOT.hex() == constants["empty_root"]
    assert leaf_hash(b"").hex() == constants["leaf_empty"]
    assert leaf_hash(b"L123456").hex() == constants["leaf_L123456"]
    assert node_hash(b"N123", b"N456").hex() == constants["node_N123_N456"]


def defined_root(leaves: list[bytes]) -> bytes:
    """Return the root by the recursive definition in RFC 6962 section 2.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(defined_root(leaves[:middle]), defined_root(leaves[middle:]))


def stored(nodes: list[Node], leaves: list[bytes] = LEAVES) -> ReadLevel:
    """Read from leaves and stored nodes alone, as a database does."""
    table = {(node.level, node.position): node.hash for node in nodes}

    def read(level: int, start: int, count: int) -> list[bytes]:
        if level == 0:
            return leaves[start : start + count]
        return [table[level, place] for place in range(start, start + count) if (level, place) in table]

    return read


FRONTIER, NODES = Frontier().grown(LEAVES)
READ = stored(NODES)


@given(st.integers(0, len(LEAVES)))
def test_the_incremental_root_is_the_defined_one(size: int) -> None:
    assert root_of(LEAVES[:size]) == defined_root(LEAVES[:size]) == range_hash(0, size, READ)


@given(SIZES, st.data())
def test_growing_in_parts_gives_the_same_tree(size: int, data: st.DataObject) -> None:
    middle = data.draw(st.integers(0, size))
    half, first = Frontier().grown(LEAVES[:middle])
    whole, second = half.grown(LEAVES[middle:size])
    assert (whole, first + second) == Frontier().grown(LEAVES[:size])
    assert frontier_of(size, READ) == whole


def test_stored_nodes_are_every_fourth_level_and_keep_their_leaves() -> None:
    assert {node.level for node in NODES} == {STRIDE, 2 * STRIDE}
    lowest = [node for node in NODES if node.level == STRIDE]
    assert [node.below for node in lowest] == [
        b"".join(LEAVES[start : start + BLOCK]) for start in range(0, len(LEAVES) - BLOCK + 1, BLOCK)
    ]
    assert all(node.hash == defined_root(LEAVES[node.position * 16 :][:16]) for node in lowest)


@given(SIZES, st.data())
def test_every_inclusion_proof_verifies_for_its_leaf_alone(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, size, READ), root_of(LEAVES[:size])
    assert verify_inclusion(LEAVES[index], index, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda place: size == 1 or place != index))
    if other != index:
        assert not verify_inclusion(LEAVES[index], other, size, proof, root)
        assert not verify_inclusion(LEAVES[other], index, size, proof, root)


@given(SIZES, st.data())
def test_every_consistency_proof_verifies_for_its_sizes_alone(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, READ)
    old_root, new_root = root_of(LEAVES[:old]), root_of(LEAVES[:new])
    assert verify_consistency(old, new, old_root, new_root, proof)
    if old != new:
        assert not verify_consistency(old, new, new_root, old_root, proof)
        assert not verify_consistency(old, new, old_root, new_root, proof[:-1])
        assert not verify_consistency(old, new, old_root, new_root, [*proof, LEAVES[0]])


@given(SIZES, st.data())
def test_one_flipped_bit_of_a_proof_is_noticed(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, READ)
    if proof:
        place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        flipped = int.from_bytes(proof[place], "big") ^ (1 << bit)
        proof[place] = flipped.to_bytes(32, "big")
        assert not verify_inclusion(LEAVES[index], index, size, proof, root_of(LEAVES[:size]))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_there_is_no_proof_of_a_leaf_outside(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, READ)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_there_is_no_consistency_proof_from_nothing_or_backwards(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no consistency proof"):
        consistency_proof(old, new, READ)


def test_a_missing_stored_node_is_no_silent_zero() -> None:
    with pytest.raises(LookupError, match="level 4 holds"):
        range_hash(0, 250, stored(NODES[1:]))


def test_entries_of_the_public_log_have_the_published_roots() -> None:
    log = vectors("tlog_tiles_tessera_testlog.json")
    leaves = [leaf_hash(entry.encode()) for entry in log["entries_utf8"]]
    for size, note in enumerate(log["checkpoints"]):
        assert root_of(leaves[:size]) == b64decode(note.split("\n")[2])
    for name, tile in log["tiles_b64"].items():
        if name.startswith("tile/0/000.p/"):
            assert b64decode(tile) == b"".join(leaves[: int(name.rpartition("/")[2])])
