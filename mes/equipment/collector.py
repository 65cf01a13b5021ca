"""`mes collect`: one driver per registered device into the journal, commands out of the spool, a sign of life.

Reads the main database and the device secrets, writes `collect.journal` and `collect.alive`, nothing else.
"""

import asyncio
import fcntl
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Engine

from equipment_drivers.driver import Driver
from equipment_drivers.errors import AuthenticationFailed, CertificateRefused, DriverFault
from equipment_drivers.readings import CommandOutcome, CommandResult, LinkState
from mes.equipment.opcua_binding import BoundDevice, CollectorSite, bound_devices, fingerprint, opcua_driver
from mes.equipment.sink import DeviceSink, Journal
from mes.equipment.spool import Spooled, SpoolReader
from mes.equipment.ticks import ticks_of
from mes.errors import Fault
from mes.ids import EquipmentId
from mes.ledger.database import open_engine

SPOOL_PERIOD_S = 0.05
REGISTER_PERIOD_S = 2.0
ALIVE_PERIOD_S = 1.0
REPAIR_PAUSE_S = 10.0
"""How long a device waits whose binding only a person can mend; a change of the binding ends the wait."""
LOST = "the collector died after it took this command: look at the device, then decide"
EXPIRED = "not sent: it was older than a minute when the collector got it; ask for it again"
NOT_CONNECTED = "not sent: the collector has no connection set up for this device"
DriverFactory = Callable[[CollectorSite, BoundDevice], Driver]


@dataclass(slots=True)
class Attended:
    """A device that is being followed: its task, its sink, its driver while it has one."""

    bound_as: str
    sink: DeviceSink
    task: asyncio.Task[None] | None = None
    driver: Driver | None = None


async def collect(
    site: CollectorSite,
    now: Callable[[], datetime],
    stop: asyncio.Event,
    make_driver: DriverFactory = opcua_driver,
) -> None:
    """Collect until `stop`. Fault `collector-runs-already` if another process collects for this site."""
    with _alone(site):
        journal = Journal(site.journal_path)
        engine = open_engine(site.database, read_only=True)
        try:
            for claim in journal.unfinished():
                lost = CommandOutcome(claim.command, CommandResult.UNKNOWN, LOST, ticks_of(now()))
                await journal.finish(claim.device, lost)
            await _Collector(site, now, journal, engine, make_driver).run(stop)
        finally:
            journal.close()
            engine.dispose()


class _Collector:
    def __init__(
        self,
        site: CollectorSite,
        now: Callable[[], datetime],
        journal: Journal,
        engine: Engine,
        make_driver: DriverFactory,
    ) -> None:
        self._site, self._now, self._journal, self._engine = site, now, journal, engine
        self._make_driver = make_driver
        self._attended: dict[EquipmentId, Attended] = {}
        self._log = structlog.get_logger("collect")

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            chores = [
                tasks.create_task(self._every(REGISTER_PERIOD_S, lambda: self._attend(tasks))),
                tasks.create_task(self._every(ALIVE_PERIOD_S, self._sign_of_life)),
                tasks.create_task(self._follow_spool(tasks)),
            ]
            await stop.wait()
            for chore in chores:
                chore.cancel()
            for one in self._attended.values():
                if one.task is not None:
                    one.task.cancel()

    async def _every(self, period_s: float, act: Callable[[], None]) -> None:
        while True:
            act()
            await asyncio.sleep(period_s)

    def _attend(self, tasks: asyncio.TaskGroup) -> None:
        """Follow what the register says now: new devices, changed bindings, devices that left it."""
        found = bound_devices(self._engine, self._site.site)
        if found is None:
            return
        wanted = {one.device: one for one in found}
        for device, one in list(self._attended.items()):
            bound = wanted.get(device)
            if bound is None or fingerprint(bound, self._site.keys_dir) != one.bound_as:
                if one.task is not None:
                    one.task.cancel()
                del self._attended[device]
        for device, bound in wanted.items():
            if device not in self._attended:
                sink = DeviceSink(device, self._journal, self._now)
                one = Attended(fingerprint(bound, self._site.keys_dir), sink)
                one.task = tasks.create_task(self._supervise(bound, one))
                self._attended[device] = one

    async def _supervise(self, bound: BoundDevice, one: Attended) -> None:
        """Run a device's driver for ever. What the driver gives up on is told, and tried again later."""
        while True:
            try:
                one.driver = self._make_driver(self._site, bound)
                await one.driver.run(one.sink)
            except DriverFault as fault:
                refused = isinstance(fault, AuthenticationFailed | CertificateRefused)
                state = LinkState.AUTH_FAILED if refused else LinkState.OFFLINE
                one.sink.link_changed(state, f"{fault.code}: {fault.detail}")
            except Exception as error:  # noqa: BLE001 - the one supervised loop here: other devices go on
                self._log.error("driver-crashed", device=bound.device, trace=traceback.format_exc())
                one.sink.link_changed(LinkState.OFFLINE, f"driver-crashed: {type(error).__name__}")
            finally:
                one.driver = None
            await asyncio.sleep(REPAIR_PAUSE_S)

    async def _follow_spool(self, tasks: asyncio.TaskGroup) -> None:
        spool, position = SpoolReader(self._site.commands_spool_path), 0
        try:
            while True:
                for one in spool.after(position):
                    # claimed in this loop, in order; carried out beside it: an ABORT never waits for a START
                    if await self._journal.claim(one.command.id, one.device, ticks_of(self._now())):
                        tasks.create_task(self._carry_out(one))
                    position = one.position
                await asyncio.sleep(SPOOL_PERIOD_S)
        finally:
            spool.close()

    async def _carry_out(self, one: Spooled) -> None:
        attended = self._attended.get(one.device)
        driver = attended.driver if attended else None
        if time.time() > one.expires_at:
            outcome = self._refused(one, EXPIRED)
        elif driver is None:
            outcome = self._refused(one, NOT_CONNECTED)
        else:
            outcome = await driver.execute(one.command)
        await self._journal.finish(one.device, outcome)

    def _refused(self, one: Spooled, why: str) -> CommandOutcome:
        return CommandOutcome(one.command.id, CommandResult.REFUSED, why, ticks_of(self._now()))

    def _sign_of_life(self) -> None:
        alive = {
            "pid": os.getpid(),
            "wall": time.time(),
            "now": self._now().isoformat(),
            "links": {device: one.sink.link for device, one in self._attended.items()},
        }
        path = self._site.site_dir / "collect.alive"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(alive))
        fresh.replace(path)


@contextmanager
def _alone(site: CollectorSite) -> Iterator[None]:
    lock = os.open(site.site_dir / "collect.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Fault("collector-runs-already", site=site.site) from None
        yield
    finally:
        os.close(lock)
