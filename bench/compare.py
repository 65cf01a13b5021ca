"""Compares two ways of doing something fairly: alternating in one run, medians, and the spread."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Timing:
    """Seconds per round of one side."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The middle round."""
        return median(self.rounds)

    def __str__(self) -> str:
        low, high = min(self.rounds) * 1e3, max(self.rounds) * 1e3
        return f"{self.name:<28}{self.median_s * 1e3:10.3f} ms   [{low:.3f} to {high:.3f}]"


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that one call takes, garbage collected beforehand."""
    gc.collect()
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def alternate(ours: Callable[[], object], yardstick: Callable[[], object], rounds: int = 5) -> tuple[Timing, Timing]:
    """Run A B A B ... and return both; at least 5 rounds make a median that one hiccup does not move."""
    if rounds < 5:
        raise ValueError("fewer than 5 rounds say nothing")
    pairs = [(timed(ours), timed(yardstick)) for _ in range(rounds)]
    return Timing("ours", tuple(a for a, _ in pairs)), Timing("yardstick", tuple(b for _, b in pairs))


def verdict(ours: Timing, yardstick: Timing) -> str:
    """Return both lines and the median ratio."""
    return f"{ours}\n{yardstick}\nratio                       {ours.median_s / yardstick.median_s:10.2f}"
