"""Rules of what a container is: the donation that arrives, the bag that is filled, and where its volume went."""

from dataclasses import dataclass
from decimal import Decimal

from mes.batches import events as ev
from mes.batches.decide.windows import after_hours
from mes.batches.model import BatchState, Phase
from mes.errors import Refusal
from mes.identity.din import parse_din
from mes.ids import checked_id
from mes.ledger.events import Event
from mes.units import Measure, decimal_of

DOSE = "dose_cells"
"""The value of the master's dose step that goes on the label."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What was formulated and where it went, all in mL; `dose` only where the master calculates none."""

    volume_ml: str
    formulated_ml: str
    quality_control_ml: str = "0"
    retained_ml: str = "0"
    backup_ml: str = "0"
    waste_ml: str = "0"
    dose: str | None = None
    container: str | None = None


def identify_donation(state: BatchState, code: str) -> tuple[Event, ...]:
    """Bind the donation number of the collected bag to the batch.

    Refuses `donation-identified` (it has one; a second collection is a new batch) and what reading the number
    refuses. Rule: REG-ATMP-05, REG-ID-01.
    """
    if state.din is not None:
        raise Refusal("donation-identified", din=state.din)
    if state.phase is Phase.TERMINATED:
        raise Refusal("batch-closed", batch=state.batch, phase=state.phase.value)
    return (ev.DonationIdentified(parse_din(code).number, f"{state.batch}.A1"),)


def fill_container(state: BatchState, filling: Filling) -> tuple[Event, ...]:
    """Record the filled product container; its shelf life runs from the end of the master's expiry step.

    Refuses `expiry-start-unknown`, `container-known`, `dose-not-calculated`, `dose-differs`, `volumes-not-balanced`,
    `number-malformed`, `batch-closed`. Rule: PRA-02, PRA-04 (G-22).
    """
    master = state.master
    if state.phase is Phase.TERMINATED:
        raise Refusal("batch-closed", batch=state.batch, phase=state.phase.value)
    start = state.step(master.expiry_step).completed_at if master.expiry_step is not None else None
    if start is None or master.shelf_life_h is None:
        raise Refusal("expiry-start-unknown", step=master.expiry_step or "")
    container = checked_id(filling.container or f"{state.batch}.P{len(state.filled) + 1}")
    if container in state.containers:
        raise Refusal("container-known", container=container)
    _balanced(filling)
    expiry = after_hours(start, master.shelf_life_h)
    return (
        ev.ContainerFilled(container, filling.volume_ml, _dose(state, filling.dose), expiry),
        ev.ContainersReconciled(
            filling.formulated_ml,
            filling.volume_ml,
            filling.quality_control_ml,
            filling.retained_ml,
            filling.backup_ml,
            filling.waste_ml,
        ),
    )


def _balanced(filling: Filling) -> None:
    parts = {
        "product": filling.volume_ml,
        "quality control": filling.quality_control_ml,
        "retained": filling.retained_ml,
        "back-up": filling.backup_ml,
        "waste": filling.waste_ml,
    }
    volumes = {name: decimal_of(text) for name, text in parts.items()}
    whole = decimal_of(filling.formulated_ml)
    total = sum(volumes.values(), Decimal(0))
    if min(volumes.values()) < 0 or volumes["product"] == 0 or total != whole:
        raise Refusal("volumes-not-balanced", status=422, formulated=f"{whole:f}", accounted=f"{total:f}")


def _dose(state: BatchState, given: str | None) -> str:
    step = state.steps.get(state.master.dose_step) if state.master.dose_step is not None else None
    if step is None:
        if not given:
            raise Refusal("dose-not-calculated", step="")
        return given
    value = step.values.get(DOSE)
    if value is None or step.is_open:
        raise Refusal("dose-not-calculated", step=step.step.id)
    calculated = f"{value.value} {value.unit}"
    if given is not None:
        number, _, unit = given.partition(" ")
        if Measure.of(number, unit).as_unit(value.unit or "1") != Measure.of(value.value, value.unit or "1").value:
            raise Refusal("dose-differs", given=given[:40], calculated=calculated)
    return calculated
