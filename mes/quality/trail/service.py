"""The acts of the audit-trail review: open an entry, sign the review, defer it. Loads the trail from the ledger."""

from mes.batches import events as ev
from mes.batches.decide.acts import may_close
from mes.batches.model import BatchState
from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder
from mes.custody.shown import batch_items
from mes.errors import Refusal
from mes.ids import Stream, stream
from mes.ledger.content import new_content
from mes.ledger.entry import Content, Entry
from mes.ledger.events import Event
from mes.masters.model import Act
from mes.people.model import Role
from mes.quality.integrity import streams_of
from mes.quality.trail import decide
from mes.quality.trail.model import Trail
from mes.quality.trail.tables import entries_between
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem

CLOCK = "site:clock:stepped"
MAX_COMMENT = 2_000
REVIEWERS = (Role.QA, Role.QP)


class TrailReview:
    """What a reviewer does with the trail of one batch."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def trail(self, state: BatchState) -> Trail:
        """Return a batch's trail as it stands, read from the ledger itself.

        It holds the batch's own streams, and from its beginning on: its device's, those of the people who took part,
        and steps of the clock. Rule: REG-A11-09, REG-A11D-12-7.
        """
        own = self._own(state)
        first, last = own[0].index, own[-1].index
        around: list[Stream] = [stream("person", person) for person in sorted(state.took_part)]
        around += [stream("equipment", state.equipment)] if state.equipment else []
        ledger = self._recorder.ledger
        with ledger.read() as connection:
            others = entries_between(connection, ledger.gen, around, first, last)
            others += entries_between(connection, ledger.gen, [ledger.site_stream], first, last, CLOCK)
        return decide.trail_of(state, [*own, *others])

    def unreviewed(self, state: BatchState) -> tuple[str, ...]:
        """Name the entries that matter and that the last review did not see; all of them if there was none."""
        newer = decide.newer_than_review(state, self._own(state))
        return tuple(f"{entry.printed} {' '.join(entry.type.split(':')[1:])}" for entry in newer)

    def examine(self, acting: Acting, batch_id: str, *, index: int, comment: str | None = None) -> BatchState:
        """Record that the reviewer opened an entry, with a comment if they made one.

        Refuses `role-missing`, `trail-entry-unknown`, `text-length`. Rule: REG-DI-09.
        """
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.TrailExamined, index=index):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(*(one.value for one in REVIEWERS))
        told = _comment(comment)
        event = decide.examine(state, self.trail(state), index, told.as_reference() if told else None)
        contents = [told] if told else []
        return self._recorder.commit(state, acting, [event], role=role, now=now, contents=contents)

    def sign(self, acting: Acting, batch_id: str) -> BatchState:
        """Sign the review of the trail; refusals: `step-predecessors-open`, `role-missing`, those of `decide.sign`."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.TrailReviewSigned):
            return self._recorder.load(batch_id)
        state = self._recorder.load(batch_id)
        role = acting.in_role(*(one.value for one in REVIEWERS))
        may_close(state, Act.REVIEW)
        trail = self.trail(state)
        event = decide.sign(state, trail, acting.person)
        items = [*batch_items(state), *review_items(state, trail, event)]
        return self._signed(acting, state, event, Meaning.AUDIT_TRAIL_REVIEWED, items, role)

    def defer(self, acting: Acting, batch_id: str, *, stage: str) -> BatchState:
        """Let the first stage of certification go before the review: QA, with reason and two factors.

        Refusals: `role-missing`, those of `decide.defer`. Rule: REG-A11D-12-8.
        """
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.TrailReviewDeferred, stage=stage):
            return self._recorder.load(batch_id)
        state = self._recorder.load(batch_id)
        role = acting.in_role(Role.QA.value)
        newer = decide.newer_than_review(state, self._own(state))
        event = decide.defer(state, stage, acting.reason, newer)
        items = [
            *batch_items(state),
            ShownItem("Change", f"the audit trail is reviewed after the {stage} certification, not before"),
            ShownItem("Reason", acting.reason or ""),
            ShownItem("Entries not reviewed", str(len(newer))),
        ]
        return self._signed(acting, state, event, Meaning.CHANGE_APPROVED, items, role)

    def comments(self, state: BatchState, trail: Trail) -> dict[int, list[tuple[Entry, str]]]:
        """Return the comments that reviewers made, by the index of the entry they opened; removed ones are absent."""
        made: dict[int, list[tuple[Entry, str]]] = {}
        for entry in trail.entries:
            if entry.type != ev.TrailExamined.tag or entry.data.get("comment") is None:
                continue
            found = self._recorder.ledger.content(entry.data["comment"]["content"])
            if found is not None:
                made.setdefault(entry.data["index"], []).append((entry, found[1].decode()))
        return made

    def _own(self, state: BatchState) -> list[Entry]:
        ledger = self._recorder.ledger
        return sorted((one for name in streams_of(state) for one in ledger.stream(name)), key=lambda one: one.index)

    def _signed(
        self, acting: Acting, state: BatchState, event: Event, meaning: Meaning, items: list[ShownItem], role: Role
    ) -> BatchState:
        now = self._recorder.clock.now()
        signed = self._recorder.sign(
            acting, event, stream=state.stream, meaning=meaning, items=items, state=state, now=now
        )
        return self._recorder.commit(state, acting, [signed.draft], role=role, now=now, shown=[signed.shown])


def review_items(state: BatchState, trail: Trail, event: ev.TrailReviewSigned) -> list[ShownItem]:
    """Return what the reviewer signs: how far, how many of each class, each critical entry, the rest by type.

    A line names its entry where that stands in the batch's own stream, so that a correction of it voids the review.
    """
    up_to = next((one.printed for one in trail.entries if one.index == event.up_to), str(event.up_to))
    items = [ShownItem("Reviewed", f"{event.entries} entries, up to entry {up_to}")]
    items += [ShownItem(one.risk.capitalize(), str(one.count)) for one in event.counted]
    for one in trail.critical:
        source = one.entry if one.entry.stream == state.stream else None
        items.append(ShownItem(f"Entry {one.entry.printed}, {one.risk.value}", one.why, source))
    rest = sum(trail.rest.values())
    return [*items, ShownItem("Other entries", f"{rest} of {len(trail.rest)} types")]


def _comment(text: str | None) -> Content | None:
    if text is None:
        return None
    if not text.strip() or len(text) > MAX_COMMENT:
        raise Refusal("text-length", status=422, most=MAX_COMMENT)
    return new_content(text)
