"""Loading a batch, signing an event of it, and committing an operation with its forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.batches import events as ev
from mes.batches.decide.trained import asks_for_training, may_work, subject_of
from mes.batches.fold import Fact, fold, fold_more
from mes.batches.model import BatchState
from mes.batches.ports import Forecaster, MasterSource
from mes.batches.service.acting import Acting
from mes.clock import Clock
from mes.errors import Refusal
from mes.ids import Op, Stream, stream
from mes.ledger.entry import Content, Draft, Entry, Occurred, Write
from mes.ledger.events import Event, decode_event
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.people.decide import actor_for
from mes.people.model import Role
from mes.people.training.register import TrainingRegister
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem, shown_document
from mes.signatures.service import SigningService

REASON = "Reason"
FORECAST_AFTER = (ev.StepCompleted, ev.StepSkipped, ev.ValueCorrected, ev.BatchHeld, ev.BatchResumed)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed draft and the document of what its signer saw."""

    draft: Draft
    shown: bytes


class Recorder:
    """Loads batches and appends to them; one per process, shared by the rooms above."""

    def __init__(
        self, ledger: Ledger, clock: Clock, masters: MasterSource, signing: SigningService, forecaster: Forecaster
    ) -> None:
        self.ledger = ledger
        self.clock = clock
        self._masters = masters
        self._signing = signing
        self._forecaster = forecaster
        self.training = TrainingRegister(ledger)
        self._cache: dict[str, BatchState] = {}

    def load(self, batch_id: str) -> BatchState:
        """Return the batch as it stands; refuses `batch-unknown` (404)."""
        name = stream("batch", batch_id)
        known = self._cache.get(batch_id)
        fresh = self.ledger.stream(name, from_seq=known.next_seq if known else None)
        if known is None:
            if not fresh:
                raise Refusal("batch-unknown", status=404, batch=batch_id)
            facts = [Fact.of(entry) for entry in fresh]
            created = facts[0].event
            if not isinstance(created, ev.BatchCreated):
                raise Refusal("batch-unknown", status=404, batch=batch_id)
            state = fold(facts, self._masters.approved(created.master, created.master_version))
        else:
            state = fold_more(known, (Fact.of(entry) for entry in fresh))
        self._cache[batch_id] = state
        return state

    def done(self, op: Op) -> tuple[Entry, ...]:
        """Return the entries of an operation that was done before, empty if it was not."""
        return self.ledger.operation(op)

    def repeats(self, acting: Acting, about: str, *acts: type[Event], **said: object) -> bool:
        """Whether this act was done before in the same operation, so that its earlier answer is due.

        `about` names the stream, `acts` are the events that the act leaves, `said` fields that must be the same.
        Refuses `operation-other` where the operation stands for something else: another person's, another batch's,
        another act. Rule: REL-02.
        """
        return repeated(self.ledger, acting.op, Stream(about), acting.person, *acts, **said) is not None

    def entry_at(self, name: Stream, seq: int) -> Entry:
        """Return one entry of a stream."""
        return self.ledger.stream(name, from_seq=seq)[0]

    def sign(
        self, acting: Acting, event: Event, *, stream: Stream, meaning: Meaning, items: Sequence[ShownItem],
        state: BatchState, now: datetime,
    ) -> Signed:  # fmt: skip
        """Let the person sign an event of the batch as it was shown.

        Raises SignaturePrompt (`signature-needed`) when there are no credentials yet, and the refusals of signing;
        before any secret is asked for, `training-missing` and `training-lapsed`. Rule: REG-P11-10i.
        """
        self._may_work(state, acting, [event], now)
        draft = event.draft(reason=acting.reason)
        if acting.reason and all(item.label != REASON for item in items):
            items = [*items, ShownItem(REASON, acting.reason)]  # what is signed is shown, and the reason is signed
        signature = self._signing.sign(
            acting.session, acting.credentials, meaning=meaning, stream=stream, type=draft.type, data=draft.data,
            reason=acting.reason, after=[(state.stream, state.next_seq - 1)], shown=shown_document(items), now=now,
        )  # fmt: skip
        return Signed(event.draft(reason=acting.reason, signature=signature.document), signature.shown)

    def commit(
        self, state: BatchState, acting: Acting, drafts: Sequence[Draft | Event], *, role: Role, now: datetime,
        contents: Sequence[Content] = (), shown: Sequence[bytes] = (), others: Sequence[Write] = (),
    ) -> BatchState:  # fmt: skip
        """Append to the batch and to `others` in one operation and return the new state.

        Refuses `training-missing` and `training-lapsed` for acts that take training, and `somebody-was-faster` if
        the batch changed since `state` was loaded. A closed step is followed by the
        forecast as it stands then.
        """
        written = [draft.draft() if isinstance(draft, Event) else draft for draft in drafts]
        events = [event_of(draft) for draft in drafts]
        # What is signed was asked for when it was signed, in this very act.
        unsigned = [event for event, draft in zip(events, written, strict=True) if draft.signature is None]
        self._may_work(state, acting, unsigned, now)
        if any(isinstance(event, FORECAST_AFTER) for event in events):
            written += self._forecast(state, written, acting, role, now)
        write = Write(state.stream, tuple(written), state.next_seq)
        entries = self.ledger.append(
            acting.op, [write, *others], actor=actor_for(acting.session, role), now=now, contents=contents, shown=shown
        )
        own = [entry for entry in entries if entry.stream == state.stream]
        if [entry.seq for entry in own] != list(range(state.next_seq, state.next_seq + len(written))):
            return self.load(state.batch)  # a repeated operation: somebody may have gone on since
        self._cache[state.batch] = fold_more(state, map(Fact.of, own))
        return self._cache[state.batch]

    def _may_work(self, state: BatchState, acting: Acting, events: Sequence[Event | None], now: datetime) -> None:
        if asks_for_training(events):
            held = self.training.standing(acting.person, subject_of(state.master))
            may_work(state.master, events, acting.session.person.name, held, now)

    def _forecast(
        self, state: BatchState, written: Sequence[Draft], acting: Acting, role: Role, now: datetime
    ) -> list[Draft]:
        facts = [_foreseen(draft, state.next_seq + nth, acting, role, now) for nth, draft in enumerate(written)]
        ahead = fold_more(state, facts)
        closed = [fact.event.step for fact in facts if isinstance(fact.event, ev.StepCompleted | ev.StepSkipped)]
        made = self._forecaster.forecast(ahead, closed[-1] if closed else "", now)
        return [made.draft()] if made else []


def event_of(draft: Draft | Event) -> Event | None:
    """Return the event that a draft holds."""
    return draft if isinstance(draft, Event) else decode_event(draft.type, draft.tv, draft.data)


def _foreseen(draft: Draft, seq: int, acting: Acting, role: Role, now: datetime) -> Fact:
    person = acting.session.person
    occurred = draft.occurred.at if draft.occurred else now
    event = event_of(draft)
    return Fact(event, -1, seq, now, occurred, "person", person.id, person.name, role.value, draft.reason)


def at_time(event: Event, occurred: datetime | None, now: datetime, **more: object) -> Draft:
    """Return the draft of an event that a person says happened at `occurred`, before it is recorded."""
    if occurred is None or occurred == now:
        return event.draft(**more)
    return event.draft(occurred=Occurred(occurred, "person"), **more)


def items_of(pairs: Mapping[str, str]) -> list[ShownItem]:
    """Return shown items that are no entries, from labels and values."""
    return [ShownItem(label, value) for label, value in pairs.items()]
