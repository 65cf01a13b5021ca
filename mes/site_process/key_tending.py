"""What a running site does for its keys: the admin socket, overlaps that end, time stamps where a site has them."""

import time
from collections.abc import Callable
from datetime import datetime

from mes.identity.vault import PatientVault
from mes.ledger.store import Ledger
from mes.ledger.time_stamps import Authority
from mes.settings import SiteSettings
from mes.site_process.admin_socket import AdminSocket
from mes.site_process.background import Loop
from mes.site_process.console import Console
from mes.site_process.stamping import Stamper

LOOK_EVERY_S = 60.0
STAMP_EVERY_S = 5.0


class Sometimes:
    """Does a piece of work at once and then at intervals of wall time, as a loop asks again and again."""

    def __init__(self, work: Callable[[], object], every_s: float = LOOK_EVERY_S) -> None:
        self._work = work
        self._every_s = every_s
        self._due = time.monotonic()

    def step(self) -> bool:
        """Work if it is due; never busy. A failed piece of work is due again only after the interval."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every_s
            self._work()
        return False


def tend_keys(
    settings: SiteSettings, ledger: Ledger, now: Callable[[], datetime], vault: Callable[[], PatientVault] | None = None
) -> Console:
    """Open the admin socket and start what ends overlaps; the caller holds the writer's lease."""
    console = Console(settings, ledger, now, vault)
    Loop("keys", Sometimes(console.retire_due).step).start()
    if settings.time_stamp_url:
        stamper = Stamper(ledger, lambda: Authority.of(settings.time_stamp_url, settings.time_stamp_ca_path), now)
        Loop("time-stamps", Sometimes(stamper.step, STAMP_EVERY_S).step).start()
    AdminSocket(settings.admin_socket_path, console).start()
    return console
