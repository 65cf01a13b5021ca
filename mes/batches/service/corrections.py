"""Correcting a recorded value: by addition, with reason and signature, naming every signature that falls."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mes.batches import events as ev
from mes.batches.decide.corrections import (
    SignedEntry,
    correct_value,
    corrected_place,
    falling_text,
    voided_signatures,
)
from mes.batches.decide.values import GivenValue, value_text
from mes.batches.model import BatchState
from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder
from mes.errors import Refusal
from mes.ledger.entry import Draft
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem


class CorrectionService:
    """Corrects values of a batch."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def correct(self, acting: Acting, batch_id: str, step_id: str, given: GivenValue) -> BatchState:
        """Correct one value; the signatures that will fall are shown before the correction is signed.

        Refusals: see decide.corrections.correct_value; the corrector holds the role of the step's performer.
        """
        told = {"parameter": given.parameter, "value": given.value}
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.ValueCorrected, step=step_id, new=told):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = correct_value(state, step_id, given, acting.reason)
        step = state.step(step_id).step
        role = acting.in_role(step.signatures.performed, "supervisor")
        corrected = corrected_place(state, step_id, given.parameter)
        if corrected[1] < 0:
            raise Refusal("correction-across-generations")
        falling = voided_signatures(self._signed_entries(state), corrected)
        change = events[0]
        assert isinstance(change, ev.ValueCorrected)
        items = [
            ShownItem("Step", f"{step.id} {step.title}"),
            ShownItem("Old value", value_text(change.old), self.recorder.entry_at(state.stream, corrected[1])),
            ShownItem("New value", value_text(change.new)),
            *(ShownItem("Signature that falls", falling_text(self._document(index))) for index, _ in falling),
            *(
                ShownItem("Certificate in question", event.what)
                for event in events
                if isinstance(event, ev.CertificateQuestioned)
            ),
        ]
        signed = self.recorder.sign(
            acting, change, stream=state.stream, meaning=Meaning.CORRECTED, items=items, state=state, now=now
        )
        correction = _correcting(signed.draft, state, corrected[1])
        own = (state.stream, state.next_seq)
        voids = [ev.SignatureVoided(index, ev.Cause(*(cause or own))).draft() for index, cause in falling]
        drafts = [correction, *(event.draft() for event in events[1:]), *voids]
        return self.recorder.commit(state, acting, drafts, role=role, now=now, shown=[signed.shown])

    def _document(self, index: int) -> Mapping[str, Any]:
        return self.recorder.ledger.entry(index).document

    def _signed_entries(self, state: BatchState) -> dict[tuple[str, int], SignedEntry]:
        signed: dict[tuple[str, int], SignedEntry] = {}
        for entry in self.recorder.ledger.stream(state.stream):
            signature = entry.document.get("signature")
            if signature is None or entry.index in state.voided:
                continue
            shown = self.recorder.ledger.shown(signature["shown"])
            items = json.loads(shown)["items"] if shown else []
            saw = frozenset((item["source"]["stream"], item["source"]["seq"]) for item in items if "source" in item)
            signed[(entry.stream, entry.seq)] = SignedEntry(entry.index, (entry.stream, entry.seq), saw)
        return signed


def _correcting(draft: Draft, state: BatchState, seq: int) -> Draft:
    return replace(draft, corrects=(state.stream, seq))
