"""From committed commands to the spool: what the record asked for is handed over once, soon, or answered REFUSED."""

import threading
import time
from datetime import datetime, timedelta

from equipment_drivers.readings import CommandResult
from mes.clock import MAX_FACTOR
from mes.equipment.events import CommandOutcomeRecorded
from mes.equipment.model import OpenCommand
from mes.equipment.ports import DrainedOutcome, RunKey, RunObserver
from mes.equipment.spool import CommandSpool
from mes.equipment.tables import queries
from mes.ids import device_op, stream
from mes.ledger.entry import Actor, Write
from mes.ledger.store import Ledger

PATIENCE = timedelta(seconds=60)
"""A command that reaches nobody for so long is not carried out later, when nobody expects it any more."""
NEVER_SENT = "never sent: this system was down when it was due; ask for it again"


class CommandOutbox:
    """Finishes what a commit began: call `flush` after every operation with commands, and from the drain's thread."""

    def __init__(self, ledger: Ledger, spool: CommandSpool, observer: RunObserver) -> None:
        self._ledger, self._spool, self._observer = ledger, spool, observer
        self._lock = threading.Lock()  # else one thread could refuse what another hands over at that moment
        # Virtual time may run a factor faster than the collector that it waits for.
        self._patience = PATIENCE * (MAX_FACTOR if ledger.clock_kind == "simulated" else 1)

    def flush(self, now: datetime) -> int:
        """Hand over every open command that the spool does not hold yet; return how many."""
        handed = 0
        with self._lock:
            with self._ledger.read() as connection:
                waiting = queries.open_commands(connection, self._ledger.site)
            for command in waiting:
                if self._spool.holds(command.command):
                    continue
                if now - command.requested_at > self._patience:
                    self._refuse(command, now)
                else:
                    handed += self._spool.put(command, expires_at=time.time() + PATIENCE.total_seconds())
        return handed

    def _refuse(self, command: OpenCommand, now: datetime) -> None:
        result = CommandResult.REFUSED
        with self._ledger.read() as connection:
            held = queries.allocation_of(connection, self._ledger.site, command.run)
        recorded = CommandOutcomeRecorded(
            command.command, command.device, command.run, command.verb, result, NEVER_SENT
        )
        writes = [Write(stream("run", command.run), (recorded.draft(),))]
        if held is not None:
            key = RunKey(command.run, command.device, held[1].batch)
            outcome = DrainedOutcome(command.command, command.verb, result, NEVER_SENT, now)
            writes += self._observer.on_command_outcome(key, outcome, now)
        op = device_op(f"outbox/{command.command}")
        self._ledger.append(op, writes, actor=Actor.system("outbox"), now=now)
