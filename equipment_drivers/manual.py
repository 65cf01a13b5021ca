"""The operator as a driver: a device without interface gives no live values, and the record says so."""

import asyncio

from equipment_drivers.driver import BuildInfo, Sink
from equipment_drivers.readings import Command, CommandOutcome, CommandResult, LinkState

NOT_MONITORED = "bound manually: not monitored by the system"


class ManualDriver:
    """Gives no readings and takes no commands: people do both and the batch record holds what they did."""

    verified_on_hardware = False
    build_info: BuildInfo | None = None
    clock_skew_s: float | None = None
    link = LinkState.OFFLINE

    def __init__(self) -> None:
        self._sink: Sink | None = None

    async def run(self, sink: Sink) -> None:
        """Tell the sink once that nothing is monitored, then wait until cancelled."""
        self._sink = sink
        sink.link_changed(self.link, NOT_MONITORED)
        await asyncio.Event().wait()

    async def execute(self, command: Command) -> CommandOutcome:
        """Refuse: what a person must do on the device is a step of the batch, not a command."""
        at = self._sink.now_ticks() if self._sink else 0
        return CommandOutcome(command.id, CommandResult.REFUSED, f"{NOT_MONITORED}; do it on the device", at)
