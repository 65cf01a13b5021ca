"""`mes serve`: one gunicorn worker with threads, the only writer of the main database."""

import gc
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from mes.app import Wired, clock_of, open_ledger, wire
from mes.errors import Refusal
from mes.ledger.checkpoints import parse_checkpoint
from mes.ledger.database import open_engine
from mes.ledger.incremental import ReachedFile
from mes.ledger.locks import WriterLease
from mes.ledger.notes import parse_note
from mes.ledger.store import Ledger
from mes.settings import SiteSettings
from mes.site_process.background import IDLE_S, Heartbeat, Loop
from mes.site_process.clock_watch import ClockWatch
from mes.site_process.key_tending import tend_keys
from mes.site_process.nightly import Nightly
from mes.site_process.self_check import demanded, record_start
from mes.site_process.telling import EXPECTED, told
from mes.web.create import create_web

THREADS = 40
LEASE_WAIT_S = 15.0
SELDOM_S = 1.0

log = structlog.get_logger()


class SiteServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn with one worker: the site begins after the fork, in the process that holds the writer's lease."""

    def __init__(self, settings: SiteSettings) -> None:
        self._site = settings
        super().__init__()

    def load_config(self) -> None:
        """Set what the house decides: one gthread worker, loopback, no recycling, no access log."""
        chosen: dict[str, Any] = {
            "bind": f"{self._site.web_host}:{self._site.web_port}", "workers": 1, "worker_class": "gthread",
            "threads": THREADS, "max_requests": 0, "timeout": 60, "graceful_timeout": 5, "keepalive": 5,
            "control_socket_disable": True,
        }  # fmt: skip
        for name, value in chosen.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Begin the site in the worker and return its web application; tell in a sentence why it could not begin."""
        try:
            app = begin(self._site)
        except EXPECTED as error:
            sys.stderr.write(f"Error: {told(error)}\n")
            # This very code makes gunicorn end as a whole instead of trying again at once.
            raise SystemExit(Arbiter.APP_LOAD_ERROR) from error
        gc.collect()
        gc.freeze()  # what stands now stands to the end: the collector need not look at it again and again
        return app


def begin(settings: SiteSettings) -> Flask:
    """Take the lease, check the site, open its ledger, start the background work, and return the web application."""
    engine = open_engine(settings.database)
    with ExitStack() as undo:
        undo.callback(engine.dispose)
        lease = _leased(settings, lambda: WriterLease(settings.site_dir, engine).acquire())
        undo.callback(lease.release)
        clock = clock_of(settings)
        noted = demanded(settings, clock.now())
        wired = wire(settings, open_ledger(settings, engine), clock)
        record_start(wired.services.ledger, noted, clock.now())
        write_pid(settings.site_dir, "serve")
        start_background(wired, clock.now)
        app = create_web(wired.services)
        tend_keys(settings, wired.services.ledger, clock.now, lambda: wired.vault)
        app.extensions["septima-lease"] = lease
        undo.pop_all()  # the site has begun: from here on it ends with its process
    return app


def start_background(wired: Wired, now: Callable[[], datetime]) -> list[Loop]:
    """Start draining, handing commands over, hourly checkpoints, and the nightly check."""
    ledger, settings = wired.services.ledger, wired.services.settings
    database = open_engine(settings.database, read_only=True)
    night = Nightly(ledger, wired.services.clock, database, ReachedFile(settings.verified_path), wired.notices)

    def drain() -> bool:
        busy = wired.drain.step(now())
        return wired.outbox.flush(now()) > 0 or busy

    beat = Heartbeat(wired.services.clock, ledger.heartbeat, last_signed_at(ledger))
    # An hour of virtual time may be a fifth of a second; what follows the wall, or comes once a day, need not be
    # asked thirty times a second.
    hourly_s = IDLE_S if settings.simulated_clock else SELDOM_S
    loops = [Loop("drain", drain), Loop("heartbeat", beat.step, hourly_s), Loop("nightly", night.step, SELDOM_S / 4)]
    loops.append(Loop("downtime", wired.services.downtime.step, SELDOM_S))
    if not wired.services.settings.simulated_clock:
        watch = ClockWatch(ledger, wired.services.clock)
        wired.services.signing.guards.append(watch.check)
        loops.append(Loop("clock", watch.step, SELDOM_S))
    for loop in loops:
        loop.start()
    return loops


def last_signed_at(ledger: Ledger) -> datetime:
    """Return when the newest entry was recorded that a checkpoint covers; without one, when the ledger began."""
    note = ledger.latest_checkpoint()
    signed = parse_checkpoint(parse_note(note).text).size if note else 1
    return ledger.entry(signed - 1).at


def write_pid(site_dir: Path, name: str) -> None:
    """Leave this process's id where a supervisor or an administrator finds it."""
    folder = site_dir / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{name}.pid").write_text(f"{os.getpid()}\n")


def _leased(settings: SiteSettings, take: Callable[[], WriterLease]) -> WriterLease:
    """Take the lease, waiting a little for a predecessor that is just ending."""
    waited = 0.0
    while True:
        try:
            return take()
        except Refusal as held:
            if held.code != "writer-lock-held" or waited >= LEASE_WAIT_S:
                raise
            log.info("waiting-for-lease", site=settings.site, holder=held.facts.get("holder"))
            threading.Event().wait(0.25)
            waited += 0.25
