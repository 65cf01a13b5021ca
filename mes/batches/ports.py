"""What batch execution asks of rooms above it, and of wiring: forecasts, masters, and whose code was scanned."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mes.batches.events.steps import ForecastMade
from mes.batches.model import BatchState
from mes.masters.model import Master


class Forecaster(Protocol):
    """Says after each step when the infusion is expected."""

    def forecast(self, state: BatchState, after_step: str, now: datetime) -> ForecastMade | None:
        """Return the forecast as it stands, None once the infusion has begun."""


class NullForecaster:
    """Forecasts nothing; for tests of execution alone."""

    def forecast(self, state: BatchState, after_step: str, now: datetime) -> ForecastMade | None:
        """Return nothing."""
        return None


class MasterSource(Protocol):
    """Where approved masters come from."""

    def approved(self, master_id: str, version: int) -> Master:
        """Return an approved, frozen master; refuses `master-unknown` and `master-not-approved`."""

    def startable(self, master_id: str, version: int) -> Master:
        """Return a master on which a new batch may begin; refuses also what was superseded."""


@dataclass(frozen=True, slots=True)
class ScanVerdict:
    """Whether a scanned code belongs to the batch's chain of identity; `found` is safe to record and to show."""

    matched: bool
    found: str


class ScanMatcher(Protocol):
    """Reads a scanned code and holds it against the chain of identity."""

    def match(self, expects: str, code: str, state: BatchState) -> ScanVerdict:
        """Return the verdict; refuses `code-unreadable` for something that is no code of ours."""
