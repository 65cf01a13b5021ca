"""Moving virtual time: only while nobody acts, only while every process is up, and never past what is recorded."""

import http.client
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from mes.clock import MAX_FACTOR
from mes.demo.stage import DEVICE, Stage

QUANTUM = timedelta(hours=2)
POLL_S = 0.03
PATIENCE_S = 90.0


class Pace:
    """Runs the virtual clock in stretches, and holds it until simulator, journal and drain have caught up."""

    def __init__(self, stage: Stage, told: Callable[[datetime, int], None]) -> None:
        self._stage = stage
        self._told = told
        self.samples = 0

    @property
    def now(self) -> datetime:
        """Return the virtual time."""
        return self._stage.conductor.clock.now()

    def until(self, goal: datetime) -> None:
        """Let time pass up to `goal`; nothing happens if that is past already."""
        while self.now < goal:
            self._one_stretch(min(goal, self.now + QUANTUM))

    def until_so(self, met: Callable[[], bool], step: timedelta, most: timedelta) -> None:
        """Let time pass in steps until `met`; TimeoutError after `most`."""
        limit = self.now + most
        while not met():
            if self.now >= limit:
                raise TimeoutError(f"not so after {most}")
            self.until(self.now + step)

    def settle(self) -> None:
        """Wait, without letting time pass, until everything emitted up to now is in the record."""
        self._caught_up(self.now)

    def _one_stretch(self, goal: datetime) -> None:
        self._caught_up(self.now)
        self._stage.conductor.run(goal, MAX_FACTOR)
        while self.now < goal:
            time.sleep(POLL_S)
        self._stage.conductor.hold()
        self._caught_up(goal)

    def _caught_up(self, goal: datetime) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status = self.status()
            if status is not None:
                device = status["devices"].get(DEVICE)
                if device is None:
                    return
                self.samples = device["samples_recorded"]
                self._told(self.now, self.samples)
                tick = device["drained_tick"]
                if status["collector"] and tick and datetime.fromisoformat(tick) >= goal:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the record did not catch up with {goal}: {status}")
            time.sleep(POLL_S)

    def status(self) -> dict[str, Any] | None:
        """Return what the site says of itself, None while its web server is down."""
        connection = http.client.HTTPConnection(*self._stage.address, timeout=10)
        try:
            connection.request("GET", "/api/status")
            response = connection.getresponse()
            body = response.read()
            return json.loads(body) if response.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
