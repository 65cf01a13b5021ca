"""Checkpoints and heartbeats of a living ledger, and the proofs between them."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mes.ids import new_op
from mes.ledger.checkpoints import open_checkpoint
from mes.ledger.merkle import root_of, verify_consistency, verify_inclusion
from mes.ledger.store import Ledger
from tests.ledger.builders import DRAIN, KEY, NURSE, a_ledger, at, draft, reopened, write


def opened(note: str | None) -> tuple[int, bytes]:
    """Return size and root of a note that the site's key signed."""
    assert note is not None
    found = open_checkpoint(note, [KEY.verifier], KEY.name)
    return found.size, found.root


def test_a_checkpoint_signs_the_present_head(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        first = ledger.checkpoint(at(0))
        assert opened(first) == (1, ledger.root())
        assert ledger.checkpoint(at(5)) == first
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(6))
        second = ledger.checkpoint(at(7))
        assert opened(second) == (2, ledger.root())
        assert (ledger.checkpoint_at(1), ledger.checkpoint_at(2), ledger.latest_checkpoint()) == (first, second, second)
    with reopened(ledger_url) as again:
        assert again.checkpoint(at(8)) == second


def test_a_seal_is_signed_at_its_own_size(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        (seal,) = ledger.append(new_op(), [write("site/site-one")], actor=NURSE, now=at(1))
        root = ledger.root()
        ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=at(2))
        assert opened(ledger.checkpoint(at(3), seal.index + 1)) == (2, root)
        assert opened(ledger.checkpoint(at(3)))[0] == 3
        for size in (0, 4):
            with pytest.raises(ValueError, match="no checkpoint"):
                ledger.checkpoint(at(3), size)


def test_a_heartbeat_names_the_tree_before_it_and_signs_the_one_after(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        root = ledger.root()
        note = ledger.heartbeat(at(3600))
        (beat,) = ledger.entries(1)
        assert (beat.type, beat.stream) == ("site:ledger:heartbeat", "site/site-one")
        assert beat.data == {"previous_size": 1, "root": root.hex()}
        assert opened(note) == (2, ledger.root())
        again = ledger.heartbeat(at(7200))
        assert again != note
        assert ledger.entry(2).data["previous_size"] == 2


def check_history(ledger: Ledger, sizes: list[int]) -> None:
    """Append operations of the given sizes with a checkpoint after each, then check every proof there is."""
    signed = []
    for turn, size in enumerate(sizes):
        drafts = [draft(turn=turn, n=n) for n in range(size)]
        ledger.append(new_op(), [write(f"batch/B{turn % 3}", *drafts)], actor=DRAIN, now=at(turn))
        signed.append(opened(ledger.checkpoint(at(turn))))
    leaves = [entry.leaf for entry in ledger.entries()]
    for size, root in signed:
        assert root == root_of(leaves[:size])
        for index in {0, size // 3, size // 2, size - 1}:
            assert verify_inclusion(leaves[index], index, size, ledger.inclusion_proof(index, size), root)
    size, root = signed[-1]
    for index, leaf in enumerate(leaves):
        assert verify_inclusion(leaf, index, size, ledger.inclusion_proof(index, size), root)
    for (old, old_root), (new, new_root) in pairwise(signed):
        assert verify_consistency(old, new, old_root, new_root, ledger.consistency_proof(old, new))
    (first, first_root), (last, last_root) = signed[0], signed[-1]
    assert verify_consistency(first, last, first_root, last_root, ledger.consistency_proof(first, last))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=9))
def test_random_histories_prove_themselves(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('history') / 'site.sqlite'}"
    with a_ledger(url) as ledger:
        check_history(ledger, sizes)


def test_a_history_proves_itself(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        check_history(ledger, [1, 14, 1, 16, 255, 1, 2, 300])


def test_proofs_outside_the_ledger_are_a_mistake(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        with pytest.raises(ValueError, match="no leaf"):
            ledger.inclusion_proof(1, 1)
        with pytest.raises(LookupError):
            ledger.inclusion_proof(0, 40)
        with pytest.raises(ValueError, match="no consistency proof"):
            ledger.consistency_proof(0, 1)
