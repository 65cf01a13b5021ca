"""What one version of a master is by now, from its own facts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mes.ids import MasterId, PersonId
from mes.ledger.events import Event
from mes.masters.events import MasterApproved, MasterImported, MasterSuperseded


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version: nothing, a draft (imported), approved, or approved and superseded.

    `author` handed in the last draft, `authors` any of its drafts.
    """

    master: MasterId
    version: int
    next_seq: int = 0
    digest: str | None = None
    author: PersonId | None = None
    authors: frozenset[PersonId] = frozenset()
    approver: PersonId | None = None
    superseded_by: int | None = None

    @property
    def approved(self) -> bool:
        """Whether its bytes are frozen; a superseded version still counts, for the batches that run on it."""
        return self.approver is not None


def fold(start: VersionState, events: Iterable[Event | None]) -> VersionState:
    """Return the state after the events, in their order; one of an unknown type only counts."""
    state = start
    for event in events:
        state = replace(state, next_seq=state.next_seq + 1)
        match event:
            case MasterImported():
                state = replace(state, digest=event.digest, author=event.author, authors=state.authors | {event.author})
            case MasterApproved():
                state = replace(state, digest=event.digest, approver=event.approver)
            case MasterSuperseded():
                state = replace(state, superseded_by=event.by_version)
            case _:
                pass
    return state
