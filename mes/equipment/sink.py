"""The journal for asyncio: one thread writes it, so that no fsync ever stops the collector's event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from equipment_drivers.driver import Publish, SubscriptionState
from equipment_drivers.readings import CommandOutcome, LinkState
from mes.equipment.journal import Claim, JournalWriter
from mes.equipment.ticks import ticks_of
from mes.ids import EquipmentId


class Journal:
    """The journal's writer behind its own thread; what is asked first is written first."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._writer = self._thread.submit(JournalWriter, path).result()

    async def commit(self, device: EquipmentId, publish: Publish, session: SubscriptionState) -> None:
        """Store what one notification brought; returns after the fsync."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._writer.commit, device, publish, session)

    async def claim(self, command: str, device: EquipmentId, at: int) -> bool:
        """Claim a command; False if it was claimed before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._writer.claim, command, device, at)

    async def finish(self, device: EquipmentId, outcome: CommandOutcome) -> None:
        """Note what became of a command."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.finish, device, outcome)

    def restore(self, device: EquipmentId) -> SubscriptionState | None:
        """Return the newest committed session of the device."""
        return self._thread.submit(self._writer.restore, device).result()

    def unfinished(self) -> list[Claim]:
        """Return the claims without outcome."""
        return self._thread.submit(self._writer.unfinished).result()

    def link_changed(self, device: EquipmentId, state: LinkState, detail: str, at: int) -> None:
        """Note a change of the link, soon."""
        self._thread.submit(self._writer.link_changed, device, state, detail, at)

    def close(self) -> None:
        """Write what was asked for and close the file."""
        self._thread.submit(self._writer.close)
        self._thread.shutdown(wait=True)


class DeviceSink:
    """What one device's driver delivers into: the driver's `Sink` over the site's journal."""

    def __init__(self, device: EquipmentId, journal: Journal, now: Callable[[], datetime]) -> None:
        self._device, self._journal, self._now = device, journal, now
        self.link = LinkState.OFFLINE

    async def commit(self, publish: Publish, session: SubscriptionState) -> None:
        """Store both in one transaction and return after the fsync; known samples are ignored."""
        await self._journal.commit(self._device, publish, session)

    def restore(self) -> SubscriptionState | None:
        """Return the newest committed state of this device, None on the first start."""
        return self._journal.restore(self._device)

    def link_changed(self, state: LinkState, detail: str) -> None:
        """Note a change of the link."""
        self.link = state
        self._journal.link_changed(self._device, state, detail, self.now_ticks())

    def now_ticks(self) -> int:
        """Return the record clock in ticks."""
        return ticks_of(self._now())
