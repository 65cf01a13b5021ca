"""What the sensors of the simulated chamber show: its state with noise and the resolution of an instrument."""

import random
from collections.abc import Iterator

from equipment_drivers.simulators.physics import Chamber


class Sensors:
    """Noise of process.md 1.3, from one seed; a stuck sensor goes on showing what it showed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - noise of a simulated sensor
        self._stuck: dict[str, float] = {}

    def read(self, chamber: Chamber, stuck: str) -> Iterator[tuple[str, float]]:
        """Yield each tag with its value now; `stuck` names the tag whose sensor is stuck, "" for none."""
        for tag, value in self._values(chamber):
            if tag == stuck:
                yield tag, self._stuck.setdefault(tag, value)
            else:
                self._stuck.pop(tag, None)
                yield tag, value

    def _values(self, chamber: Chamber) -> Iterator[tuple[str, float]]:
        gauss = self._random.gauss
        yield "culture.temperature", round(chamber.temperature_celsius + gauss(0, 0.05), 2)
        yield "culture.co2", round(max(0.0, chamber.co2_percent + gauss(0, 0.1)), 2)
        yield "culture.volume", round(max(0.0, chamber.volume_ml + gauss(0, 2.0)), 1)
        yield "supply.air_pressure", round(chamber.air_bar + gauss(0, 0.02), 3)
        yield "supply.co2_pressure", round(chamber.co2_bar + gauss(0, 0.02), 3)
        yield "process.centrifuge_speed", round(chamber.centrifuge_per_min * gauss(1, 0.01), 1)
        yield "process.pump_flow", round(chamber.pump_ml_min * gauss(1, 0.02), 2)
        yield "process.line_pressure", round(chamber.line_mbar + gauss(0, 10.0), 1)
