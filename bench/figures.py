"""A measured figure: its value, spread, target and method, on the terminal and in a JSON file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.machine import describe


@dataclass(frozen=True)
class Figure:
    """One figure. `at_least` or `at_most` is its target; none: it stands beside another one for comparison."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    rounds: int
    method: str
    rule: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return None if self.at_most is None else self.value <= self.at_most

    def __str__(self) -> str:
        target = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most or 0:g}"
        verdict = {True: f"target {target}: met", False: f"target {target}: NOT MET", None: ""}[self.is_met]
        spread = f"[{_short(self.low)} to {_short(self.high)}]"
        return f"{self.name:<34}{_short(self.value):>12} {self.unit:<5}{spread:<26}{verdict}".rstrip()


def figure(name: str, values: Sequence[float], unit: str, method: str, **more: object) -> Figure:
    """Make a figure of the rounds' values: their median, smallest and largest."""
    return Figure(name, median(values), unit, min(values), max(values), len(values), method, **more)  # type: ignore[arg-type]


def ratio(name: str, over: Sequence[float], under: Sequence[float], method: str, **more: object) -> Figure:
    """Make the ratio of two sides that alternated: the median of the pairs', so that a drift of the machine cancels."""
    pairs = [above / below for above, below in zip(over, under, strict=True)]
    return Figure(name, median(pairs), "x", min(pairs), max(pairs), len(pairs), method, **more)  # type: ignore[arg-type]


def written(path: Path, title: str, figures: Sequence[Figure], options: dict[str, object]) -> None:
    """Write all figures with the machine they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {
        "title": title,
        "machine": describe(),
        "options": options,
        "figures": {
            each.name: {**{key: value for key, value in asdict(each).items() if key != "name"}, "met": each.is_met}
            for each in figures
        },
    }
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
