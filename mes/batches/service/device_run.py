"""The device side of a batch's operation: taking a device, giving it back, asking it to run a program."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from equipment_drivers.readings import CommandVerb
from mes.equipment import decide
from mes.equipment.model import EquipmentState, Holding
from mes.equipment.service import EquipmentService
from mes.ids import BatchId, RunId, new_op, stream
from mes.ledger.entry import Write


class DeviceRuns:
    """Makes the writes that join a batch's operation; refuses what the register refuses."""

    def __init__(self, equipment: EquipmentService) -> None:
        self._equipment = equipment

    def take(self, device: str, run: RunId, batch: BatchId, now: datetime) -> tuple[EquipmentState, Write]:
        """Give the device to a run: refuses an unfit device and one that serves another patient. Rule: REG-ATMP-10."""
        state = self._equipment.state(device)
        event = decide.allocate(state, run, batch, now)
        write = Write(stream("equipment", state.equipment), (event.draft(),), state.next_seq)
        return replace(state, held_by=Holding(run, batch, now)), write

    def give_back(self, device: str, run: RunId, now: datetime) -> Write:
        """End the run on the device."""
        state = self._equipment.state(device)
        event = decide.release(state, run, now)
        return Write(stream("equipment", state.equipment), (event.draft(),), state.next_seq)

    def ask(
        self, state: EquipmentState, run: RunId, verb: CommandVerb, args: Mapping[str, str], step: str, now: datetime
    ) -> Write:
        """Ask the device for something; the command is sent after this entry is committed, at most once."""
        event = decide.request_command(state, run=run, command=str(new_op()), verb=verb, args=args, step=step, now=now)
        return Write(stream("run", run), (event.draft(),))

    def state(self, device: str) -> EquipmentState:
        """Return the device as the register knows it."""
        return self._equipment.state(device)
