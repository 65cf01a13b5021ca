"""Where record time comes from: the system's clock, or a demo's virtual one. Always aware UTC, never back.

`clock.json` of a simulated site: {"state": "held"|"running", "now", "until", "factor", "anchor_ns"}. While
running, now = min(until, now + (monotonic - anchor) x factor). Only the conductor writes it.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from mes.errors import Fault

MAX_FACTOR = 20_000
Plan = Mapping[str, str | float | int]


class Clock(Protocol):
    """Gives the time at which things are recorded."""

    @property
    def simulated(self) -> bool:
        """Whether this clock may differ from the wall clock; printed on every page if so."""

    def now(self) -> datetime:
        """Return the record time, aware UTC."""


def utc(at: datetime) -> datetime:
    """Return an aware time in UTC; ValueError for a naive one, which could be any."""
    if at.tzinfo is None:
        raise ValueError("naive time")
    return at.astimezone(UTC)


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
        self._now = utc(now)

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
        self._known: tuple[tuple[int, int] | None, Plan] = (None, {})

    @property
    def factor(self) -> float:
        """How many virtual seconds pass per second while running."""
        return float(self._read()["factor"])

    @property
    def running(self) -> bool:
        """Whether virtual time passes now."""
        return self._read()["state"] == "running"

    def now(self) -> datetime:
        """Return the virtual time, at most `until`."""
        plan = self._read()
        start = datetime.fromisoformat(str(plan["now"]))
        if plan["state"] != "running":
            return start
        passed_s = (self._monotonic_ns() - int(plan["anchor_ns"])) / 1e9
        now = start + timedelta(seconds=max(0.0, passed_s) * float(plan["factor"]))
        until = plan.get("until")
        return min(now, datetime.fromisoformat(str(until))) if until else now

    def _read(self) -> Plan:
        """Return the plan as one object: another thread may read a newer one meanwhile."""
        try:
            found = os.stat(self._path)
            stamp = (found.st_mtime_ns, found.st_ino)
            known, plan = self._known
            if stamp != known:
                plan = json.loads(self._path.read_text())
                self._known = (stamp, plan)
        except (OSError, ValueError) as error:
            raise Fault("clock-unreadable", path=str(self._path), cause=str(error)) from error
        return plan


class Conductor:
    """The only writer of a `clock.json`: holds and runs the virtual clock of one simulated site."""

    def __init__(self, path: Path, start: datetime | None = None) -> None:
        """`start` begins a clock, held; without it the plan that lies in `path` goes on."""
        self._path = path
        self.clock = SimulatedClock(path)
        if start is not None:
            if path.exists() and utc(start) < self.clock.now():
                raise ValueError("a clock never goes back")
            self._write({"state": "held", "now": utc(start).isoformat(), "until": None, "factor": 0})

    def run(self, until: datetime | None, factor: float) -> None:
        """Let virtual time pass from now to `until` (for ever if None) at `factor`, 1 to 20,000."""
        if not 1 <= factor <= MAX_FACTOR:
            raise ValueError(f"factor must be 1 to {MAX_FACTOR}")
        now = self.clock.now()
        if until is not None and until < now:
            raise ValueError("a clock never goes back")
        self._write({
            "state": "running", "now": now.isoformat(), "until": utc(until).isoformat() if until else None,
            "factor": factor, "anchor_ns": time.monotonic_ns(),
        })  # fmt: skip

    def hold(self) -> None:
        """Stop virtual time where it is. Wait for `until` first: else readers may have seen a moment more already."""
        plan_factor = self.clock.factor
        self._write({"state": "held", "now": self.clock.now().isoformat(), "until": None, "factor": plan_factor})

    def hand_over(self, now: datetime) -> None:
        """Go on at factor 1 from the real `now`, which must not lie before the virtual one."""
        if now < self.clock.now():
            raise ValueError("a clock never goes back")
        self._write({
            "state": "running", "now": utc(now).isoformat(), "until": None, "factor": 1,
            "anchor_ns": time.monotonic_ns(),
        })  # fmt: skip

    def _write(self, plan: dict[str, object]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(plan))
        # Readers tell plans apart by this stamp; the kernel's own moves only every few milliseconds.
        written_ns = time.time_ns()
        os.utime(fresh, ns=(written_ns, written_ns))
        fresh.replace(self._path)
