"""A collector whose device takes a command and never answers; a test kills this process with SIGKILL."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from equipment_drivers.driver import BuildInfo, Publish, Sink
from equipment_drivers.readings import Command, CommandOutcome, CommandResult, LinkState
from mes.equipment.collector import collect
from mes.equipment.opcua_binding import BoundDevice, CollectorSite
from mes.ids import SiteId
from mes.settings import SiteSettings
from tests.equipment.builders import SITE, a_session, a_tick

HERE = datetime(2026, 11, 22, 10, 5, tzinfo=UTC)


class NotingDriver:
    """Delivers one tick, writes every command into a file, and answers unless told to hang."""

    verified_on_hardware = False
    build_info: BuildInfo | None = None
    clock_skew_s: float | None = None
    link = LinkState.LIVE

    def __init__(self, folder: Path, answers: bool) -> None:
        self._sent, self._answers = folder / "sent", answers

    async def run(self, sink: Sink) -> None:
        """Deliver one tick and wait."""
        sink.link_changed(LinkState.LIVE, "")
        await sink.commit(Publish(tuple(a_tick(1))), a_session())
        await asyncio.Event().wait()

    async def execute(self, command: Command) -> CommandOutcome:
        """Note the command as sent to the device."""
        with self._sent.open("a") as file:
            file.write(f"{command.id}\n")
        if not self._answers:
            await asyncio.Event().wait()
        return CommandOutcome(command.id, CommandResult.CONFIRMED, "done", 1)


def settings(folder: Path) -> SiteSettings:
    """Return the settings of the tests' site."""
    return SiteSettings(folder, SiteId(SITE), "Europe/Amsterdam")


def now() -> datetime:
    """Return the held record time."""
    return HERE


def never_answering(site: CollectorSite, bound: BoundDevice) -> NotingDriver:
    """Make the driver that hangs."""
    return NotingDriver(site.site_dir, answers=False)


if __name__ == "__main__":
    asyncio.run(collect(settings(Path(sys.argv[1])), now, asyncio.Event(), never_answering))
