"""Holds, testimony, exceptions and deviations: recorded by people, free text as detachable content."""

from collections.abc import Sequence
from datetime import datetime

from mes.batches import events as ev
from mes.batches.decide import problems
from mes.batches.model import BatchState
from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder, at_time
from mes.errors import Refusal
from mes.ledger.content import new_content
from mes.ledger.entry import Content, Draft
from mes.ledger.events import Event
from mes.people.model import Role
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem

MAX_TEXT = 8_000
MAX_WAITING = 256
"""Texts kept between a prompt and its signature."""


class ProblemService:
    """Records what went otherwise and what people made of it."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._told: dict[tuple[str, str], Content] = {}

    def hold(self, acting: Acting, batch_id: str) -> BatchState:
        """Stop new steps of a batch, with a reason; anybody with a role may."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.BatchHeld):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        if not acting.reason:
            raise Refusal("reason-missing", status=422)
        events = problems.hold(state, "person")
        drafts = [event.draft(reason=acting.reason) for event in events]
        return self.recorder.commit(state, acting, drafts, role=acting.any_role(), now=now)

    def resume(self, acting: Acting, batch_id: str) -> BatchState:
        """Let a held batch go on: QA, with signature and reason."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.BatchResumed):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        if not acting.reason:
            raise Refusal("reason-missing", status=422)
        events = problems.resume(state)
        items = [ShownItem("Batch", batch_id), ShownItem("Held because", state.hold_reason or "")]
        return self._signed(acting, state, events, Meaning.QA_REVIEWED, items, Role.QA.value, now=now)

    def report(
        self, acting: Acting, batch_id: str, *, what: str, account: str, occurred_at: datetime, source: str,
        witness: str | None = None, step: str | None = None,
    ) -> BatchState:  # fmt: skip
        """Record what happened, allowed or not; any person of the site may, at any time (PRA-06).

        `occurred_at` may lie in the past, not in the future (`time-in-future`).
        """
        told = {"what": what, "source": source, "witness": witness}
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.FactReported, **told):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        if occurred_at > now:
            raise Refusal("time-in-future", status=422, given=occurred_at, now=now)
        text = self._text(account)
        events = problems.report_what_happened(state, what, text.as_reference(), source, witness, step)
        drafts = [at_time(events[0], occurred_at, now, reason=acting.reason), *(one.draft() for one in events[1:])]
        return self.recorder.commit(state, acting, drafts, role=acting.any_role(), now=now, contents=[text])

    def assess_exception(self, acting: Acting, batch_id: str, exception: str, assessment: str) -> BatchState:
        """Assess an exception (operator, supervisor, QC or QA), with signature."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.ExceptionAssessed, exception=exception):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        told = self._content(acting, assessment)
        events = problems.assess_exception(state, exception, told.as_reference())
        items = [ShownItem("Exception", exception), ShownItem("What", state.exceptions[exception].what),
                 ShownItem("Assessment", f"content {told.digest}")]  # fmt: skip
        wanted = (Role.SUPERVISOR.value, Role.QA.value, Role.OPERATOR.value, Role.QC_REVIEWER.value)
        return self._signed(acting, state, events, Meaning.ALARM_ASSESSED, items, *wanted, now=now, contents=[told])

    def raise_deviation(self, acting: Acting, batch_id: str, exception: str) -> BatchState:
        """Open a deviation on an exception, with signature."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.DeviationOpened, exception=exception):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = problems.raise_deviation(state, exception)
        items = [ShownItem("Exception", exception), ShownItem("What", state.exceptions[exception].what)]
        return self._signed(acting, state, events, Meaning.DEV_RAISED, items, acting.any_role().value, now=now)

    def assess_deviation(self, acting: Acting, batch_id: str, deviation: str, impact: str) -> BatchState:
        """Record the impact assessment of a deviation (supervisor or QC reviewer), with signature."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.DeviationAssessed, deviation=deviation):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        told = self._content(acting, impact)
        events = problems.assess_deviation(state, deviation, told.as_reference())
        items = [ShownItem("Deviation", deviation), ShownItem("Title", state.deviations[deviation].title),
                 ShownItem("Impact assessment", f"content {told.digest}")]  # fmt: skip
        wanted = (Role.SUPERVISOR.value, Role.QC_REVIEWER.value)
        return self._signed(acting, state, events, Meaning.DEV_ASSESSED, items, *wanted, now=now, contents=[told])

    def approve_deviation(self, acting: Acting, batch_id: str, deviation: str) -> BatchState:
        """Approve an assessed deviation: QA, not the person who raised or assessed it."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.DeviationApproved, deviation=deviation):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = problems.approve_deviation(state, deviation, acting.person)
        items = [ShownItem("Deviation", deviation), ShownItem("Title", state.deviations[deviation].title)]
        return self._signed(acting, state, events, Meaning.DEV_APPROVED, items, Role.QA.value, now=now)

    def _content(self, acting: Acting, text: str) -> Content:
        # The prompt and the signed act are two calls; the digest that is signed must be the same in both.
        if len(self._told) >= MAX_WAITING:
            self._told.pop(next(iter(self._told)))
        return self._told.setdefault((acting.op, text), self._text(text))

    def _text(self, text: str) -> Content:
        if not text.strip() or len(text) > MAX_TEXT:
            raise Refusal("text-length", status=422, most=MAX_TEXT)
        return new_content(text)

    def _signed(
        self, acting: Acting, state: BatchState, events: Sequence[Event], meaning: Meaning, items: Sequence[ShownItem],
        *wanted: str, now: datetime, contents: Sequence[Content] = (),
    ) -> BatchState:  # fmt: skip
        role = acting.in_role(*wanted)
        signed = self.recorder.sign(
            acting, events[0], stream=state.stream, meaning=meaning, items=items, state=state, now=now
        )
        drafts: list[Draft] = [signed.draft, *(event.draft() for event in events[1:])]
        return self.recorder.commit(state, acting, drafts, role=role, now=now, contents=contents, shown=[signed.shown])
