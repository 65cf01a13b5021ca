"""The chain of identity of a batch as the scanner needs it."""

from collections.abc import Callable
from typing import Protocol

from mes.batches.model import BatchState
from mes.batches.ports import ScanVerdict
from mes.identity.matching import Chain, match

VOID = ("destroyed", "missing")


class Wristbands(Protocol):
    """Whoever can turn a wristband's code into its keyed digest: the vault."""

    @property
    def wristband_digest(self) -> Callable[[str], str]:
        """Return the function that digests a code."""


def chain_of(state: BatchState) -> Chain:
    """Return what belongs to the batch: donation, chain-of-identity id, containers, labels, wristband digest."""
    return Chain(
        batch=state.batch,
        coi=state.coi,
        wristband=state.wristband,
        din=state.din,
        apheresis=frozenset(state.containers) - frozenset(state.filled),
        product=frozenset(state.filled),
        serials=frozenset(state.labels),
        void_serials=frozenset(serial for serial, label in state.labels.items() if label.fate in VOID),
    )


class CustodyMatcher:
    """Implements the ScanMatcher port of execution."""

    def __init__(self, wristbands: Wristbands) -> None:
        self._wristbands = wristbands

    def match(self, expects: str, code: str, state: BatchState) -> ScanVerdict:
        """Hold a scanned code against the batch; refusals: those of `identity.matching.match`."""
        verdict = match(expects, code, chain_of(state), self._wristbands.wristband_digest)
        return ScanVerdict(verdict.matched, verdict.found)
