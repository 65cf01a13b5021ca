"""A certificate in question: what it takes to uphold it, and to withdraw it. Pure.

A correction after certification does not take a certificate away; a Qualified Person does, or says that it stands.
"""

from collections.abc import Sequence

from mes.batches import events as ev
from mes.batches.model import BatchState, Disposition
from mes.errors import Refusal
from mes.quality.gate.model import GateItem, GateStatus, Stage

PASSED_BY = ("G-02", "G-20")
"""Items about the moment of release (nothing on hold, shelf life left): a product already given cannot meet them."""


def stage_in_question(state: BatchState) -> Stage:
    """Return the newest stage at which a certificate stands; refuses `not-certified`."""
    for stage in (Stage.FINAL, Stage.PRELIMINARY):
        if stage.value in state.certificates:
            return stage
    raise Refusal("not-certified", disposition=state.disposition.value)


def uphold(state: BatchState, items: Sequence[GateItem], reason: str | None) -> tuple[ev.CertificateUpheld, ...]:
    """Decide that the certificate stands on the record as it is now, judged for the person who signs.

    Refuses `certificate-not-in-question`, `reason-missing`, and `gate-not-met` while a deviation is open, a review
    that fell was not given anew, or a result fails.
    """
    if state.disposition is not Disposition.IN_QUESTION or state.questioned_from is None:
        raise Refusal("certificate-not-in-question", disposition=state.disposition.value)
    if not reason:
        raise Refusal("reason-missing", status=422)
    against = [one for one in items if one.status is GateStatus.NOT_MET and one.item not in PASSED_BY]
    if against:
        raise Refusal("gate-not-met", items="; ".join(f"{one.item} {one.title}: {one.detail}" for one in against))
    stage = stage_in_question(state)
    judged = tuple(ev.GateItemJudged(one.item, one.title, one.status.value, one.detail) for one in items)
    before = state.questioned_from.value
    return (ev.CertificateUpheld(state.certificates[stage.value], stage.value, before, judged),)


def withdraw(state: BatchState, reason: str | None) -> tuple[ev.CertificateWithdrawn, ...]:
    """Withdraw the certificate, in question or not.

    Refuses `not-certified`, `certificate-withdrawn`, `reason-missing`. What was given to the patient stays recorded.
    """
    if state.disposition is Disposition.WITHDRAWN:
        raise Refusal("certificate-withdrawn", batch=state.batch)
    stage = stage_in_question(state)
    if not reason:
        raise Refusal("reason-missing", status=422)
    return (ev.CertificateWithdrawn(state.certificates[stage.value], stage.value),)
