"""Where record time comes from: the system's clock, or a demo's virtual one. Always aware UTC, never back.

`clock.json` of a simulated site: {"state": "held"|"running", "now", "until", "factor", "anchor_ns"}. While
running, now = min(until, now + (monotonic - anchor) x factor). Only the conductor writes it.
"""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

MAX_FACTOR = 20_000


class Clock(Protocol):
    """Gives the time at which things are recorded."""

    @property
    def simulated(self) -> bool:
        """Whether this clock may differ from the wall clock; printed on every page if so."""

    def now(self) -> datetime:
        """Return the record time, aware UTC."""


class SystemClock:
    """The machine's own clock."""

    simulated = False

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)


class HeldClock:
    """A clock that moves only when told to; for tests and for one-shot commands."""

    simulated = True

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the time it was last set to."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move forward by `by` (not negative) and return the new time."""
        if by < timedelta(0):
            raise ValueError("a clock never goes back")
        self._now += by
        return self._now


class SimulatedClock:
    """The virtual clock of a demo, rehearsal or training, read from `clock.json`."""

    simulated = True

    def __init__(self, path: Path, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._path = path
        self._monotonic_ns = monotonic_ns
        self._stamp: tuple[int, int] | None = None
        self._plan: dict[str, str | float | int] = {}

    @property
    def factor(self) -> float:
        """How many virtual seconds pass per second while running."""
        self._read()
        return float(self._plan["factor"])

    @property
    def running(self) -> bool:
        """Whether virtual time passes now."""
        self._read()
        return self._plan["state"] == "running"

    def now(self) -> datetime:
        """Return the virtual time, at most `until`."""
        self._read()
        start = datetime.fromisoformat(str(self._plan["now"]))
        if self._plan["state"] != "running":
            return start
        passed_s = (self._monotonic_ns() - int(self._plan["anchor_ns"])) / 1e9
        now = start + timedelta(seconds=max(0.0, passed_s) * float(self._plan["factor"]))
        until = self._plan.get("until")
        return min(now, datetime.fromisoformat(str(until))) if until else now

    def _read(self) -> None:
        found = os.stat(self._path)
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            self._plan = json.loads(self._path.read_text())
            self._stamp = stamp


class Conductor:
    """The only writer of a `clock.json`: holds and runs the virtual clock of one simulated site."""

    def __init__(self, path: Path, start: datetime | None = None) -> None:
        self._path = path
        if start is not None:
            self._write({"state": "held", "now": start.isoformat(), "until": None, "factor": 0})
        self.clock = SimulatedClock(path)

    def run(self, until: datetime | None, factor: float) -> None:
        """Let virtual time pass from now to `until` (for ever if None) at `factor`, 1 to 20,000."""
        if not 1 <= factor <= MAX_FACTOR:
            raise ValueError(f"factor must be 1 to {MAX_FACTOR}")
        now = self.clock.now()
        self._write({
            "state": "running", "now": now.isoformat(), "until": until.isoformat() if until else None,
            "factor": factor, "anchor_ns": time.monotonic_ns(),
        })

    def hold(self) -> None:
        """Stop virtual time where it is."""
        plan_factor = self.clock.factor
        self._write({"state": "held", "now": self.clock.now().isoformat(), "until": None, "factor": plan_factor})

    def hand_over(self, now: datetime) -> None:
        """Go on at factor 1 from the real `now`, which must not lie before the virtual one."""
        if now < self.clock.now():
            raise ValueError("a clock never goes back")
        self._write({
            "state": "running", "now": now.isoformat(), "until": None, "factor": 1,
            "anchor_ns": time.monotonic_ns(),
        })

    def _write(self, plan: dict[str, object]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(plan))
        fresh.replace(self._path)
