"""Rules of product labels: printed from the record alone, each with a serial, every one accounted for."""

from mes.batches import events as ev
from mes.batches.decide.conflicts import Part, keep_apart
from mes.batches.decide.problems import opened
from mes.batches.model import BatchState, Phase
from mes.errors import Refusal
from mes.identity.codes import product_code
from mes.identity.labels import LabelFacts, ProductText, label_text
from mes.ledger.events import Event
from mes.masters.model import Severity

MAX_LABELS = 20
SIMULATED = "SIMULATED: not for human use"
EXPIRY_FORMAT = "%Y-%m-%d %H:%M UTC"


def issue_labels(
    state: BatchState, product: ProductText, container: str, count: int, person: str, reason: str | None
) -> tuple[ev.LabelIssued, ...]:
    """Issue labels for a filled container; a reprint needs another person and a reason.

    Refuses `container-unknown`, `labels-count-unfit`, `donation-not-identified`, `reprint-reason-missing`,
    `same-person`, `batch-closed`, `label-field-missing`. Rule: REG-ATMP-12, REG-ATMP-13, PRA-02.
    """
    filled = state.filled.get(container)
    if filled is None:
        raise Refusal("container-unknown", status=404, container=container[:80])
    if not 1 <= count <= MAX_LABELS:
        raise Refusal("labels-count-unfit", status=422, most=MAX_LABELS)
    if state.phase is Phase.TERMINATED:
        raise Refusal("batch-closed", batch=state.batch, phase=state.phase.value)
    if state.din is None:
        raise Refusal("donation-not-identified", batch=state.batch)
    printed = [label for label in state.labels.values() if label.container == container]
    if printed:
        if not reason:
            raise Refusal("reprint-reason-missing", status=422, container=container)
        keep_apart(Part.LABEL_PRINTED, Part.LABEL_REPRINTED, person, {label.issued_by for label in printed})
    issued = []
    for number in range(len(printed) + 1, len(printed) + 1 + count):
        serial = f"{container}.L{number}"
        facts = LabelFacts(
            batch=state.batch,
            container=container,
            serial=serial,
            coi=state.coi,
            din=state.din,
            dose=filled.dose,
            volume=f"{filled.volume_ml} mL",
            expiry=filled.expiry_at.strftime(EXPIRY_FORMAT),
            infectious_status=infectious_status(state),
            marks=(SIMULATED,) if state.simulated else (),
        )
        payload = product_code(container, serial, state.coi)
        issued.append(ev.LabelIssued(serial, container, payload, label_text(product, facts)))
    return tuple(issued)


def infectious_status(state: BatchState) -> str:
    """Return the donor's infectious status as the record knows it, from the answers of the marker tests."""
    answers = {
        step.step.parameter(name).label: value.value
        for step in state.steps.values()
        for name, value in step.values.items()
        if "non-reactive" in step.step.parameter(name).choices
    }
    if not answers:
        return "not evaluated for infectious substances"
    reactive = sorted(label for label, answer in answers.items() if answer != "non-reactive")
    return f"BIOHAZARD: {', '.join(reactive)} not non-reactive" if reactive else "markers non-reactive"


def reconcile_labels(
    state: BatchState, used: tuple[str, ...], destroyed: tuple[str, ...], missing: tuple[str, ...], person: str
) -> tuple[Event, ...]:
    """Account for every printed label: used + destroyed + missing = printed, each once.

    Refuses `labels-none`, `same-person` (who printed cannot reconcile), `labels-unaccounted`, `labels-unknown`,
    `labels-twice`, `labels-reconciled`. A missing label opens a critical deviation. Rule: REG-ATMP-12, PRA-04.
    """
    if not state.labels:
        raise Refusal("labels-none", batch=state.batch)
    if state.labels_reconciled_by is not None:
        raise Refusal("labels-reconciled", batch=state.batch)
    keep_apart(Part.LABEL_PRINTED, Part.LABEL_RECONCILED, person, {one.issued_by for one in state.labels.values()})
    told = [*used, *destroyed, *missing]
    unknown = sorted(set(told) - state.labels.keys())
    if unknown:
        raise Refusal("labels-unknown", status=422, labels=", ".join(unknown)[:200])
    if len(told) != len(set(told)):
        raise Refusal("labels-twice", status=422)
    loose = [serial for serial in state.labels if serial not in told]
    if loose:
        raise Refusal("labels-unaccounted", labels=", ".join(loose))
    reconciled = ev.LabelsReconciled(used, destroyed, missing)
    if not missing:
        return (reconciled,)
    return (reconciled, *opened(state, "label", Severity.CRITICAL.value, f"labels missing: {', '.join(missing)}"))
