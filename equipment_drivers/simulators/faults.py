"""What goes wrong in a simulated run, and when: a list in virtual hours after the device's start."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """The closed list of injected failures; each acts on the physics or the logic, alarms follow from that."""

    HEAT_LOSS = "heat_loss"
    CO2_SUPPLY = "co2_supply"
    AIR_SUPPLY = "air_supply"
    OCCLUSION = "occlusion"
    CLAMP = "clamp"
    MAINS = "mains"
    PROMPT = "prompt"
    STUCK = "stuck"
    BAD_SENSOR = "bad_sensor"
    DEAF = "deaf"


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One failure from `at_h` for `hours`; `size` in degrees for heat_loss, `tag` for stuck, bad_sensor."""

    kind: FaultKind
    at_h: float
    hours: float
    size: float = 3.0
    tag: str = "culture.temperature"

    def holds(self, start: datetime, now: datetime) -> bool:
        """Whether it acts at `now`; its end belongs to the time after it."""
        begin = start + timedelta(hours=self.at_h)
        return begin <= now < begin + timedelta(hours=self.hours)

    def edges(self, start: datetime) -> tuple[datetime, datetime]:
        """Return when it begins and when it is over."""
        begin = start + timedelta(hours=self.at_h)
        return begin, begin + timedelta(hours=self.hours)


def read_scenario(rows: Iterable[Mapping[str, Any]]) -> tuple[InjectedFault, ...]:
    """Read a scenario from plain mappings such as a JSON file holds; ValueError or TypeError for anything else."""
    faults = tuple(InjectedFault(**{**row, "kind": FaultKind(row["kind"])}) for row in rows)
    if any(fault.hours <= 0 or fault.at_h < 0 for fault in faults):
        raise ValueError("a fault needs at_h >= 0 and hours > 0")
    return faults
