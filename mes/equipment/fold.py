"""From a device's facts to its state; pure, judges nothing."""

from collections.abc import Iterable
from dataclasses import replace

from mes.equipment.events import (
    DeviceAllocated,
    DeviceReleased,
    EquipmentQualified,
    EquipmentRegistered,
    NodeMapApproved,
)
from mes.equipment.model import EquipmentState, Holding, Qualification, Registration
from mes.ids import EquipmentId
from mes.ledger.events import Event


def fold(equipment: EquipmentId, events: Iterable[Event | None]) -> EquipmentState:
    """Return the state after all events of the device's stream; None stands for a type not known here."""
    state = EquipmentState(equipment)
    for event in events:
        state = replace(_after(state, event), next_seq=state.next_seq + 1)
    return state


def _after(state: EquipmentState, event: Event | None) -> EquipmentState:
    match event:
        case EquipmentRegistered():
            return replace(state, registration=registration_in(event))
        case NodeMapApproved():
            return replace(state, approved_nodemap=event.digest)
        case EquipmentQualified():
            return replace(state, qualification=Qualification(event.until, event.nodemap))
        case DeviceAllocated():
            return replace(state, held_by=Holding(event.run, event.batch, event.from_))
        case DeviceReleased():
            return replace(state, held_by=None)
        case _:
            return state


def registration_in(event: EquipmentRegistered) -> Registration:
    """Return what the event registered."""
    return Registration(
        device_class=event.device_class,
        model=event.model,
        serial=event.serial,
        binding=event.binding,
        simulated=event.simulated,
        endpoint=event.endpoint,
        nodemap=event.nodemap,
        server_thumbprint=event.server_thumbprint,
    )
