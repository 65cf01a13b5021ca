"""The device side of a batch's operation: taking a device, giving it back, asking it to run a program."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from equipment_drivers.readings import CommandVerb
from mes.equipment.model import EquipmentState, Holding
from mes.equipment.service import EquipmentService
from mes.equipment.writes import allocation_writes, command_writes, release_writes
from mes.ids import BatchId, RunId, new_op
from mes.ledger.entry import Write

Writes = tuple[Write, ...]


class DeviceRuns:
    """Makes the writes that join a batch's operation; refuses what the register refuses."""

    def __init__(self, equipment: EquipmentService) -> None:
        self._equipment = equipment

    def state(self, device: str) -> EquipmentState:
        """Return the device as the register knows it."""
        return self._equipment.state(device)

    def take(self, device: str, run: RunId, batch: BatchId, now: datetime) -> tuple[EquipmentState, Writes]:
        """Give the device to a run: refuses an unfit device and one that serves another patient. Rule: REG-ATMP-10."""
        state = self._equipment.state(device)
        writes = allocation_writes(state, run, batch, now)
        return replace(state, held_by=Holding(run, batch, now)), writes

    def give_back(self, device: str, run: RunId, now: datetime) -> Writes:
        """End the run on the device."""
        return release_writes(self._equipment.state(device), run, now)

    def ask(
        self, state: EquipmentState, run: RunId, verb: CommandVerb, args: Mapping[str, str], step: str, now: datetime
    ) -> Writes:
        """Ask the device for something; the command is sent after this entry is committed, at most once."""
        return command_writes(state, run=run, command=str(new_op()), verb=verb, args=args, step=step, now=now)
