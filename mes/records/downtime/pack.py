"""From a batch as it stands to the sheets that carry it on while the system is down. Pure.

Nothing of the patient vault is in it: who lies in the bed is read from the wristband. Rule: REG-A11-16, PRA-17.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.batches.decide.values import limit_text, value_text
from mes.batches.decide.windows import closes_at, opens_at
from mes.batches.model import BatchState, StepState, StepStatus
from mes.masters.model import Edge, Kind, Parameter, Step


@dataclass(frozen=True, slots=True)
class Blank:
    """One line to be filled in by hand: what, in which unit, within which limits, and what is known already."""

    label: str
    unit: str
    limits: str
    known: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One open step on paper. `number` counts from 1; the times are the step's windows (None: none)."""

    number: int
    step: str
    title: str
    instruction: str
    state: str
    opens_at: datetime | None
    closes_at: datetime | None
    complete_by: datetime | None
    waits_for: tuple[str, ...]
    blanks: tuple[Blank, ...]
    scans: tuple[str, ...]
    lots: tuple[str, ...]
    program: str
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A closed step in one line."""

    step: str
    title: str
    at: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class Pack:
    """The pack: made at a record time from a ledger of `size` entries under `root` (hex), by which it is checked."""

    id: str
    batch: str
    coi: str
    product: str
    master: str
    made_at: datetime
    size: int
    root: str
    marks: tuple[str, ...]
    phase: str
    hold: str
    device: str
    deadline_at: datetime | None
    infusion_at: datetime | None
    expiry_at: datetime | None
    exceptions: tuple[str, ...]
    containers: tuple[str, ...]
    done: tuple[Done, ...]
    sheets: tuple[Sheet, ...]
    phones: tuple[tuple[str, str], ...]


def pack_of(
    state: BatchState, *, made_at: datetime, size: int, root: str, phones: Sequence[tuple[str, str]] = ()
) -> Pack:
    """Return the pack of a batch as the first `size` entries tell it."""
    still_open = [one for one in state.steps.values() if one.is_open]
    forecast = state.forecast
    marks = ("SIMULATED DEVICE",) if state.simulated else ()
    return Pack(
        f"{state.batch}.{size}", str(state.batch), state.coi, state.product,
        f"{state.master.id} version {state.master.version}", made_at, size, root, marks, state.phase.value,
        state.hold_reason or "", state.equipment or "", forecast.deadline_at if forecast else None,
        forecast.infusion_at if forecast else None, state.expiry_at, _exceptions(state), tuple(state.containers),
        tuple(_done(one) for one in state.steps.values() if not one.is_open),
        tuple(_sheet(state, one, number) for number, one in enumerate(still_open, 1)), tuple(phones),
    )  # fmt: skip


def _exceptions(state: BatchState) -> tuple[str, ...]:
    return tuple(f"deviation {one}: open" for one in (found.deviation for found in state.open_deviations()))


def _done(one: StepState) -> Done:
    skipped = one.status is StepStatus.SKIPPED
    by = "skipped" if skipped else one.performed_by.name if one.performed_by else ""
    return Done(str(one.step.id), one.step.title, one.completed_at, by)


def _sheet(state: BatchState, one: StepState, number: int) -> Sheet:
    step = one.step
    return Sheet(
        number, str(step.id), step.title, step.instruction, one.status.value,
        opens_at(state, step, Edge.STARTED), closes_at(state, step, Edge.STARTED),
        closes_at(state, step, Edge.COMPLETED), tuple(map(str, state.open_predecessors(str(step.id)))),
        tuple(_blank(one, parameter) for parameter in step.parameters), tuple(scan.label for scan in step.scans),
        tuple(f"{material.label} ({material.code})" for material in step.materials), _program(step), _signers(step),
    )  # fmt: skip


def _blank(one: StepState, parameter: Parameter) -> Blank:
    known = one.values.get(parameter.id)
    unit = "" if parameter.unit in (None, "1") else str(parameter.unit)
    limits = limit_text(parameter)
    if parameter.kind is Kind.CHOICE and not parameter.expected:
        limits = " / ".join(parameter.choices)
    return Blank(parameter.label, unit, limits, value_text(known) if known else "")


def _program(step: Step) -> str:
    return f"{step.program.number} {step.program.name}" if step.program else ""


def _signers(step: Step) -> tuple[str, ...]:
    rule = step.signatures
    named = [("performed by", rule.performed), ("verified by", rule.verified)]
    named += [(also.meaning.replace("_", " ").lower(), also.role) for also in rule.also]
    return tuple(f"{what} ({role.replace('_', ' ')})" for what, role in named if role)
