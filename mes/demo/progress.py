"""One line that tells how far the demo is: step, virtual hour, forecast, samples."""

import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

WIDTH = 9
"""So that the whole line fits a terminal of 80 columns."""
REDRAW_S = 0.2


class Progress:
    """A progress bar on a terminal; one line per step anywhere else."""

    def __init__(self, steps: int, out: TextIO = sys.stderr) -> None:
        self._steps = steps
        self._out = out
        self._done = 0
        self._step = "site"
        self._drawn_at = 0.0
        self._now: datetime | None = None
        self._samples = 0
        self._told = "no forecast yet"
        self.vein: datetime | None = None
        self.forecast: Callable[[], dict[str, Any] | None] = lambda: None

    def begin(self, step: str) -> None:
        """Say which step begins."""
        self._done += 1
        self._step = step
        self._draw(whole=True)

    def tell(self, now: datetime, samples: int) -> None:
        """Say where virtual time and the record are."""
        self._now, self._samples = now, samples
        if self._out.isatty() and time.monotonic() - self._drawn_at > REDRAW_S:
            self._draw(whole=False)

    def end(self) -> None:
        """Finish the line."""
        if self._out.isatty():
            self._out.write("\n")

    def _draw(self, whole: bool) -> None:
        self._drawn_at = time.monotonic()
        filled = WIDTH * min(self._done, self._steps) // self._steps
        hour = "before H0" if self.vein is None or self._now is None else f"H{_hours(self._now, self.vein):5.1f}"
        told = self.forecast() if whole else None
        if told:
            self._told = f"vein-to-vein {told['vein_to_vein_h']} h, slack {told['slack_h']} h"
        line = (
            f"[{'#' * filled}{'.' * (WIDTH - filled)}] {self._step:4} {hour:9} "
            f"{self._told:36} {self._samples:6} samples"
        )
        self._out.write(f"\r{line}" if self._out.isatty() else f"{line}\n")
        self._out.flush()


def _hours(now: datetime, since: datetime) -> float:
    return (now - since).total_seconds() / 3600
