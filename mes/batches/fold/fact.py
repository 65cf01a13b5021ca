"""One fact with its place in the record: what the fold needs of an entry."""

from dataclasses import dataclass
from datetime import datetime

from mes.batches.fold.rebase import rebased
from mes.batches.model import Signer
from mes.ledger.entry import Entry
from mes.ledger.events import Event, decode_event


@dataclass(frozen=True, slots=True)
class Fact:
    """An event with index, seq, time of recording, time of the fact, and who recorded it."""

    event: Event | None
    index: int
    seq: int
    at: datetime
    occurred_at: datetime
    actor_kind: str
    actor: str
    actor_name: str
    actor_role: str
    reason: str | None = None

    @classmethod
    def of(cls, entry: Entry) -> "Fact":
        """Read an entry; a type that this release does not know keeps its place with `event` None."""
        document = entry.document
        actor = document["actor"]
        occurred = document.get("occurred")
        event = decode_event(entry.type, entry.tv, entry.data)
        return cls(
            event=rebased(event, entry) if entry.is_earlier else event,
            index=entry.index,
            seq=entry.seq,
            at=entry.at,
            occurred_at=datetime.fromisoformat(occurred["at"]) if occurred else entry.at,
            actor_kind=actor["kind"],
            actor=actor["id"],
            actor_name=actor.get("name", actor["id"]),
            actor_role=actor.get("role", ""),
            reason=document.get("reason"),
        )

    @property
    def signer(self) -> Signer:
        """Return who recorded the fact, as the signer of a step."""
        return Signer(self.actor, self.actor_name, self.actor_role, self.occurred_at, self.index)
