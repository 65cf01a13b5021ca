"""The acts of quality that commit: results, reviews, certification in two stages, refusal and release."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from mes.batches import events as ev
from mes.batches.decide.trained import subject_of
from mes.batches.model import BatchState
from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder
from mes.custody.events import ContainerHeld, ContainerReleased
from mes.custody.shown import batch_items, product_items
from mes.errors import Refusal
from mes.ids import stream
from mes.ledger.entry import Write
from mes.ledger.events import Event
from mes.masters.specification import Specification
from mes.people.model import Person, Role
from mes.quality import decide, shown
from mes.quality.certificates import Certificate, certificate_of, certificate_writes, register_write
from mes.quality.gate import gate
from mes.quality.gate.model import GateItem, Stage
from mes.quality.integrity import BatchIntegrity
from mes.quality.panel import PanelRow, panel
from mes.quality.statements import REVIEWS
from mes.quality.trail.search import TrailSearch
from mes.quality.trail.service import TrailReview
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem

STAGES = {Stage.PRELIMINARY: Meaning.QP_PRELIM_CERTIFIED, Stage.FINAL: Meaning.QP_FINAL_CERTIFIED}


class SpecificationSource(Protocol):
    """Where approved specifications come from."""

    def specification(self, reference: str) -> Specification:
        """Return the specification `<id>.<version>`; refuses `specification-unknown`."""


class QualityService:
    """What QC, QA and the Qualified Person do with a batch."""

    def __init__(self, recorder: Recorder, specifications: SpecificationSource, integrity: BatchIntegrity) -> None:
        self._recorder = recorder
        self._specifications = specifications
        self._integrity = integrity
        self.trail = TrailReview(recorder)
        self.search = TrailSearch(recorder)

    def enter_result(
        self, acting: Acting, batch_id: str, *, item: str, value: str, unit: str | None = None
    ) -> BatchState:
        """Enter a result as measured; a late failure stops every container in the same operation.

        Refusals: `role-missing`, and those of `decide.enter_result`.
        """
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.ResultEntered, item=item, value=value.strip()):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.QC_ANALYST.value)
        specification = self._specification(state)
        events = decide.enter_result(state, specification, item, value, unit, acting.reason)
        entered = events[0]
        if not isinstance(entered, ev.ResultEntered):
            raise TypeError("a result is entered first")
        verdict = "within" if entered.passed else "OUT OF SPECIFICATION"
        told = f"{entered.value}{f' {entered.unit}' if entered.unit else ''}; limit {entered.limit}: {verdict}"
        items = [*batch_items(state), ShownItem(specification.item(item).label, told)]
        others = self._stopped(state, events, f"{item} out of specification")
        return self._signed(acting, state, events, Meaning.RESULT_ENTERED, items, role, now, others)

    def review_result(self, acting: Acting, batch_id: str, *, item: str) -> BatchState:
        """Approve a result of another person; refusals: `role-missing`, and those of `decide.review_result`."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.ResultReviewed, item=item):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.QC_REVIEWER.value)
        specification = self._specification(state)
        events = decide.review_result(state, specification, item, acting.person)
        label = specification.item(item).label
        lines = shown.result_items(state, specification, self._entry_at(state))
        items = [*batch_items(state), *(line for line in lines if line.label == label)]
        return self._signed(acting, state, events, Meaning.RESULT_REVIEWED, items, role, now)

    def review(self, acting: Acting, batch_id: str, *, kind: str) -> BatchState:
        """Sign a review of the record (production, qc, audit_trail, qa).

        Refusals: those of `decide.review`; for the audit trail those of `TrailReview.sign`.
        """
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.ReviewSigned, ev.TrailReviewSigned, kind=kind):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        if kind == "audit_trail":
            return self.trail.sign(acting, batch_id)
        if kind not in REVIEWS:
            raise Refusal("review-unknown", status=422, choices=", ".join(REVIEWS))
        role = acting.in_role(*(one.value for one in REVIEWS[kind].roles))
        events = decide.review(state, kind, acting.person)
        entry_at = self._entry_at(state)
        items = [
            *batch_items(state),
            *shown.step_items(state, entry_at),
            *shown.result_items(state, self._specification(state), entry_at),
            *shown.problem_items(state),
        ]
        return self._signed(acting, state, events, REVIEWS[kind].meaning, items, role, now)

    def certify_preliminary(
        self, acting: Acting, batch_id: str, *, confirmations: tuple[str, ...], acknowledged: tuple[str, ...] = ()
    ) -> BatchState:
        """Certify on the results available; refusals: those of `decide.certify`."""
        asked = decide.Certification(Stage.PRELIMINARY, confirmations, acknowledged)
        return self._certify(acting, batch_id, asked)

    def certify_final(
        self, acting: Acting, batch_id: str, *, confirmations: tuple[str, ...], acknowledged: tuple[str, ...] = ()
    ) -> BatchState:
        """Certify on the complete results; refusals: those of `decide.certify`."""
        return self._certify(acting, batch_id, decide.Certification(Stage.FINAL, confirmations, acknowledged))

    def _certify(self, acting: Acting, batch_id: str, asked: decide.Certification) -> BatchState:
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.BatchCertified, stage=asked.stage):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.QP.value)
        specification = self._specification(state)
        items = self._gate(state, specification, now, asked.stage, acting.session.person)
        events = decide.certify(state, specification, asked, items)
        entry_at = self._entry_at(state)
        lines = [
            *batch_items(state),
            *product_items(state),
            *shown.gate_items(items),
            *shown.result_items(state, specification, entry_at),
            *shown.endotoxin_items(state, specification),
            *shown.problem_items(state),
        ]
        others = certificate_writes(self._recorder.ledger, state, events[0], asked.stage, acting.session.person)
        certified = self._signed(acting, state, events, STAGES[asked.stage], lines, role, now, others)
        self._recorder.ledger.checkpoint(now)  # what was certified is signed for at once, not within the hour
        return certified

    def refuse_certification(self, acting: Acting, batch_id: str, *, stage: str) -> BatchState:
        """Refuse certification, with the reason; refusals: `stage-unknown`, and those of `decide.refuse`."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.CertificationRefused, stage=stage):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role, wanted = acting.in_role(Role.QP.value), stage_of(stage)
        events = decide.refuse(state, wanted, acting.reason)
        specification = self._specification(state)
        items = self._gate(state, specification, now, wanted, acting.session.person)
        lines = [*batch_items(state), *shown.gate_items(items), ShownItem("Reason", acting.reason or "")]
        certificate = f"{decide.certificate_id(state, wanted)}.refused"
        register = register_write(
            self._recorder.ledger, state, certificate, wanted, "refused", acting.session.person, Meaning.QP_REFUSED
        )
        return self._signed(acting, state, events, Meaning.QP_REFUSED, lines, role, now, [register])

    def assign_release(self, acting: Acting, batch_id: str) -> BatchState:
        """Give the certified product the status released; refusals: those of `decide.assign_release`."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.ReleaseAssigned):
            return self._recorder.load(batch_id)
        now, state = self._recorder.clock.now(), self._recorder.load(batch_id)
        role = acting.in_role(Role.QA.value, Role.QP.value)
        events = decide.assign_release(state, now)
        certificate = state.certificates[Stage.PRELIMINARY.value]
        certified = self._recorder.entry_at(state.stream, state.certified_seq[Stage.PRELIMINARY.value])
        items = [
            *batch_items(state),
            *product_items(state),
            ShownItem("Certificate", certificate, certified),
        ]
        others = [
            Write(stream("container", one), (ContainerReleased(one, certificate).draft(),)) for one in state.filled
        ]
        return self._signed(acting, state, events, Meaning.RELEASE_ASSIGNED, items, role, now, others)

    def gate(self, batch_id: str, *, stage: str, certifier: Person | None = None) -> tuple[GateItem, ...]:
        """Return the gate as it stands; `certifier` is judged if given. Refuses `stage-unknown`."""
        state = self._recorder.load(batch_id)
        specification = self._specification(state)
        return self._gate(state, specification, self._recorder.clock.now(), stage_of(stage), certifier)

    def panel(self, batch_id: str) -> tuple[PanelRow, ...]:
        """Return the results of the batch, one row per item of its specification."""
        state = self._recorder.load(batch_id)
        return panel(state, self._specification(state))

    def certificate(self, batch_id: str, stage: str) -> Certificate | None:
        """Return the certificate of a stage as it was signed, None if there is none."""
        return certificate_of(self._recorder.ledger, self._recorder.load(batch_id), stage_of(stage))

    def _gate(
        self, state: BatchState, specification: Specification, now: datetime, stage: Stage, person: Person | None
    ) -> tuple[GateItem, ...]:
        trained = self._recorder.training.histories(state.acted, subject_of(state.master))
        whole = self._integrity.first_flaw(state) is None
        unreviewed = self.trail.unreviewed(state) if whole else ()
        return gate(state, specification, now, stage, whole, person, trained, unreviewed)

    def _specification(self, state: BatchState) -> Specification:
        return self._specifications.specification(state.master.specification)

    def _entry_at(self, state: BatchState) -> shown.EntryAt:
        return {entry.seq: entry for entry in self._recorder.ledger.stream(state.stream)}.__getitem__

    def _stopped(self, state: BatchState, events: Sequence[Event], cause: str) -> list[Write]:
        late = any(isinstance(event, ev.ResultFailedLate) for event in events)
        if not late or state.infusion_started_at is not None:
            return []
        return [Write(stream("container", one), (ContainerHeld(one, cause).draft(),)) for one in state.filled]

    def _signed(
        self, acting: Acting, state: BatchState, events: Sequence[Event], meaning: Meaning,
        items: Sequence[ShownItem], role: Role, now: datetime, others: Sequence[Write] = (),
    ) -> BatchState:  # fmt: skip
        signed = self._recorder.sign(
            acting, events[0], stream=state.stream, meaning=meaning, items=items, state=state, now=now
        )
        drafts = [signed.draft, *(event.draft() for event in events[1:])]
        return self._recorder.commit(state, acting, drafts, role=role, now=now, shown=[signed.shown], others=others)


def stage_of(text: str) -> Stage:
    """Return the stage of certification that a form names, or refuse with `stage-unknown`."""
    if text not in list(Stage):
        raise Refusal("stage-unknown", status=422, choices=", ".join(Stage))
    return Stage(text)
