"""The Qualified Person's answer to a certificate in question: it stands, or it is withdrawn. Commits."""

from collections.abc import Sequence

from mes.batches import events as ev
from mes.batches.model import BatchState
from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder
from mes.custody.events import ContainerHeld
from mes.custody.shown import batch_items
from mes.ids import stream
from mes.ledger.entry import Write
from mes.people.model import Role
from mes.quality import question, shown
from mes.quality.certificates import register_write
from mes.quality.gate.model import Stage
from mes.quality.service import STAGES, QualityService
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem


class QuestionService:
    """Decides about certificates in question, with the signature of a Qualified Person and two factors."""

    def __init__(self, recorder: Recorder, quality: QualityService) -> None:
        self._recorder = recorder
        self._quality = quality

    def uphold(self, acting: Acting, batch_id: str) -> BatchState:
        """Certify anew that the batch meets its requirements, on the corrected record; refusals: `question.uphold`."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.CertificateUpheld):
            return self._recorder.load(batch_id)
        state, role = self._recorder.load(batch_id), acting.in_role(Role.QP.value)
        stage = question.stage_in_question(state)
        items = self._quality.gate(batch_id, stage=stage.value, certifier=acting.session.person)
        events = question.uphold(state, items, acting.reason)
        lines = [*shown.gate_items(items), ShownItem("Product becomes again", events[0].disposition)]
        return self._signed(acting, state, events[0], stage, STAGES[stage], role, lines, "upheld", ())

    def withdraw(self, acting: Acting, batch_id: str) -> BatchState:
        """Withdraw the certificate, with a reason; bags that were not infused are stopped in the same operation."""
        if self._recorder.repeats(acting, f"batch/{batch_id}", ev.CertificateWithdrawn):
            return self._recorder.load(batch_id)
        state, role = self._recorder.load(batch_id), acting.in_role(Role.QP.value)
        events = question.withdraw(state, acting.reason)
        held = () if state.infusion_started_at else tuple(state.filled)
        stopped = {one: ContainerHeld(one, "certificate withdrawn").draft() for one in held}
        others = [Write(stream("container", one), (draft,)) for one, draft in stopped.items()]
        stage, meaning = Stage(events[0].stage), Meaning.CERT_WITHDRAWN
        return self._signed(acting, state, events[0], stage, meaning, role, [], "withdrawn", others)

    def _signed(
        self, acting: Acting, state: BatchState, event: ev.CertificateUpheld | ev.CertificateWithdrawn, stage: Stage,
        meaning: Meaning, role: Role, lines: Sequence[ShownItem], outcome: str, others: Sequence[Write],
    ) -> BatchState:  # fmt: skip
        now = self._recorder.clock.now()
        entries = {entry.seq: entry for entry in self._recorder.ledger.stream(state.stream)}
        items = [
            *batch_items(state),
            ShownItem("Certificate", event.certificate, entries[state.certified_seq[stage.value]]),
            ShownItem("Reason", acting.reason or ""),
            *lines,
            *shown.step_items(state, entries.__getitem__),
            *shown.problem_items(state),
        ]
        signed = self._recorder.sign(
            acting, event, stream=state.stream, meaning=meaning, items=items, state=state, now=now
        )
        ledger, person = self._recorder.ledger, acting.session.person
        register = register_write(ledger, state, f"{event.certificate}.{outcome}", stage, outcome, person, meaning)
        decided = self._recorder.commit(
            state, acting, [signed.draft], role=role, now=now, shown=[signed.shown], others=[*others, register]
        )
        ledger.checkpoint(now)  # what a Qualified Person decided is signed for at once
        return decided
