"""What the batches room puts into its own operations: a device given to a run, given back, or commanded; pure."""

from collections.abc import Mapping
from datetime import datetime

from equipment_drivers.readings import CommandVerb
from mes.equipment import decide
from mes.equipment.model import EquipmentState
from mes.ids import BatchId, RunId, stream
from mes.ledger.entry import Write
from mes.ledger.events import Event


def allocation_writes(state: EquipmentState, run: RunId, batch: BatchId, now: datetime) -> tuple[Write, ...]:
    """Give the device to the run; `somebody-was-faster` at the append if another patient's run got it first."""
    return _both(state, run, decide.allocate(state, run, batch, now))


def release_writes(state: EquipmentState, run: RunId, now: datetime) -> tuple[Write, ...]:
    """Take the device back from the run."""
    return _both(state, run, decide.release(state, run, now))


def command_writes(
    state: EquipmentState,
    *,
    run: RunId,
    command: str,
    verb: CommandVerb,
    args: Mapping[str, str],
    step: str | None,
    now: datetime,
) -> tuple[Write, ...]:
    """Ask something of the device. After the append, `CommandOutbox.flush` hands it to the collector."""
    asked = decide.request_command(state, run=run, command=command, verb=verb, args=args, step=step, now=now)
    return (Write(stream("run", run), (asked.draft(),)),)


def _both(state: EquipmentState, run: RunId, event: Event) -> tuple[Write, ...]:
    draft = event.draft()
    return (
        Write(stream("run", run), (draft,)),
        Write(stream("equipment", state.equipment), (draft,), expected_seq=state.next_seq),
    )
