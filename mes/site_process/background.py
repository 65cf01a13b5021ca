"""What `mes serve` does beside answering requests: drain the journal, and keep checkpoints hourly."""

import os
import signal
import sqlite3
import threading
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from mes.clock import Clock
from mes.errors import Fault, IntegrityBreach, Refusal

HEARTBEAT = timedelta(hours=1)
IDLE_S = 0.03
FAULT_S = 1.0

log = structlog.get_logger()


class Loop(threading.Thread):
    """Runs one piece of work again and again until told to stop; after a failure it pauses and goes on."""

    def __init__(self, name: str, work: Callable[[], bool], idle_s: float = IDLE_S) -> None:
        """`idle_s`: seconds of wall time to wait after a turn that found nothing to do."""
        super().__init__(name=name, daemon=True)
        self._work = work
        self._idle_s = idle_s
        self._stopping = threading.Event()
        self.failure: str | None = None

    def run(self) -> None:
        """Work until stopped. An error that nobody reckoned with ends the process, for its supervisor to start anew."""
        try:
            while not self._stopping.is_set():
                self._once()
        finally:
            if not self._stopping.is_set():
                log.critical("background-died", name=self.name, trace=traceback.format_exc())
                os.kill(os.getpid(), signal.SIGTERM)

    def _once(self) -> None:
        try:
            busy = self._work()
            self.failure = None
        except (Fault, Refusal, IntegrityBreach, OSError, sqlite3.OperationalError) as error:
            log.error("background-failed", name=self.name, error=str(error))
            self.failure = str(error)
            self._stopping.wait(FAULT_S)
            return
        if not busy:
            self._stopping.wait(self._idle_s)

    def stop(self) -> None:
        """Ask the loop to end and wait for the piece of work under way."""
        self._stopping.set()
        self.join(10)


class Heartbeat:
    """Signs the tree hourly of record time, also when nothing happened."""

    def __init__(self, clock: Clock, beat: Callable[[datetime], str], last: datetime) -> None:
        self._clock = clock
        self._beat = beat
        self._last = last

    def step(self) -> bool:
        """Beat if an hour has passed since the last beat."""
        now = self._clock.now()
        if now - self._last >= HEARTBEAT:
            self._beat(now)
            self._last = now
        return False
