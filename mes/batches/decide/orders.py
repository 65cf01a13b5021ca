"""What an order must say, and when a batch may be opened for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mes.batches import events as ev
from mes.batches.model import Binding
from mes.errors import Refusal
from mes.ids import BatchId, checked_id
from mes.masters.model import Master
from mes.masters.staffing import shortage
from mes.people.model import Person
from mes.units import Measure

DOSE_UNITS = ("10*6{cells}", "10*6{cells}/kg")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A clinician's order: product, patient by vault reference, weight in kg, prescribed dose."""

    product: str
    patient: str
    wristband: str
    weight: Measure
    dose: Measure


def place_order(order: str, request: OrderRequest, clinician: str) -> ev.OrderPlaced:
    """Decide whether an order may be placed.

    Refuses `weight-out-of-range` (1 to 300 kg) and `dose-unit` (a cell number, or a cell number per kilogram).
    """
    weight = request.weight.as_unit("kg")
    if not 1 <= weight <= 300:
        raise Refusal("weight-out-of-range", status=422, given=f"{weight:f} kg")
    if request.dose.unit not in DOSE_UNITS or request.dose.value <= 0:
        raise Refusal("dose-unit", status=422, given=str(request.dose), choices=", ".join(DOSE_UNITS))
    return ev.OrderPlaced(
        checked_id(order),
        request.product,
        request.patient,
        request.wristband,
        f"{weight:f}",
        str(request.dose),
        clinician,
    )


def check_crew(master: Master, crew: Sequence[Person]) -> None:
    """Refuse `training-shortage` while the people trained on the master cannot staff it. Rule: PRA-20, REG-P11-10i."""
    lacking = shortage(master, crew)
    if lacking:
        raise Refusal("training-shortage", master=master.id, version=master.version, lacking=", ".join(lacking))


def accept_order(
    placed: ev.OrderPlaced, master: Master, batch: BatchId, coi: str, binding: Binding, simulated: bool,
    taken: str | None,
) -> ev.BatchCreated:  # fmt: skip
    """Open a batch on a frozen copy of the master; refuses `order-accepted` and `master-other-product`."""
    if taken is not None:
        raise Refusal("order-accepted", order=placed.order, batch=taken)
    if master.product != placed.product:
        raise Refusal("master-other-product", master=master.product, order=placed.product)
    return ev.BatchCreated(
        batch=checked_id(batch), order=placed.order, coi=coi, product=placed.product, patient=placed.patient,
        wristband=placed.wristband, weight_kg=placed.weight_kg, dose=placed.dose, master=master.id,
        master_version=master.version, master_digest=master.digest, specification=master.specification,
        binding=binding.value, simulated=simulated,
    )  # fmt: skip
