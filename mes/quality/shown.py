"""What a person sees before signing for quality; every line that is an entry names it, so that corrections void it."""

from collections.abc import Callable, Sequence
from decimal import ROUND_UP, Decimal

from mes.batches.model import BatchState
from mes.ledger.entry import Entry
from mes.masters.specification import Specification
from mes.quality.gate.model import GateItem
from mes.quality.judging import CENSORED, UPPER, endotoxin_per_kg_h
from mes.quality.panel import panel
from mes.signatures.model import ShownItem
from mes.units import Measure

EntryAt = Callable[[int], Entry]
"""Gives the entry of the batch's stream at a seq."""


def result_items(state: BatchState, specification: Specification, entry_at: EntryAt) -> list[ShownItem]:
    """Return one line per entered result, each with its entry."""
    lines = []
    for row in panel(state, specification):
        result = state.results.get(row.item)
        if result is not None:
            unit = f" {result.unit}" if result.unit else ""
            told = (
                f"{result.value}{unit}; limit {result.limit}: {'within' if result.passed else 'OUT OF SPECIFICATION'}"
            )
            lines.append(ShownItem(row.label, told, entry_at(result.seq)))
    return lines


def endotoxin_items(state: BatchState, specification: Specification) -> list[ShownItem]:
    """Return the endotoxin load per kg and hour of the planned infusion, computed for the QP to read; not judged.

    A result at the detection limit gives an upper bound. Rule: PRA-16.
    """
    lines = []
    for item in specification.items:
        result = state.results.get(item.id)
        if item.unit != "[EU]/mL" or result is None or result.unit is None or not state.filled:
            continue
        censored = CENSORED.fullmatch(result.value)
        if censored is not None and censored[1] not in UPPER:
            continue
        concentration = Measure.of(censored[2] if censored else result.value, result.unit).as_unit("[EU]/mL")
        volume = sum((Decimal(one.volume_ml) for one in state.filled.values()), Decimal(0))
        infusion_h = state.step(state.master.infusion_step).step.duration_h
        load = endotoxin_per_kg_h(concentration, volume, Decimal(state.weight_kg), infusion_h)
        told = f"{'at most ' if censored else ''}{load.quantize(Decimal('0.01'), rounding=ROUND_UP):f} [EU]/kg/h"
        lines.append(ShownItem(f"{item.label} per kg and hour, computed", told))
    return lines


def step_items(state: BatchState, entry_at: EntryAt) -> list[ShownItem]:
    """Return one line per step that was performed, with the entry of its values, and those of corrections."""
    lines = []
    for step in state.steps.values():
        if step.performed_seq is None or step.performed_by is None:
            continue
        told = f"{step.status.value}; performed by {step.performed_by.name}"
        told += f", verified by {step.verified_by.name}" if step.verified_by else ""
        lines.append(ShownItem(f"{step.step.id} {step.step.title}", told, entry_at(step.performed_seq)))
        for seq in sorted(set(step.value_seq.values()) - {step.performed_seq}):
            names = [step.step.parameter(one).label for one, at in step.value_seq.items() if at == seq]
            lines.append(ShownItem(f"{step.step.id} corrected", ", ".join(names), entry_at(seq)))
    return lines


def problem_items(state: BatchState) -> list[ShownItem]:
    """Return one line per exception and deviation."""
    lines = []
    for found in state.exceptions.values():
        deviation = state.deviations.get(found.deviation or "")
        told = f"{found.severity}: {found.what}; "
        if deviation is not None:
            told += f"deviation {deviation.deviation} {'approved' if deviation.approved_by else 'open'}"
        else:
            told += "assessed" if found.assessed_by else "not assessed"
        lines.append(ShownItem(found.exception, told))
    return lines or [ShownItem("Exceptions", "none")]


def gate_items(items: Sequence[GateItem]) -> list[ShownItem]:
    """Return one line per item of the gate."""
    return [ShownItem(f"{one.item} {one.title}", f"{one.status.value}: {one.detail}") for one in items]
