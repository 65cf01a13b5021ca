"""The numbered programs of the simulated processor as data: steps, virtual durations and set points.

Durations fit the steps of process.md 13.1; names are ours. A set point that is None keeps what was there.
"""

from dataclasses import dataclass

CULTURE_CELSIUS, CULTURE_CO2 = 37.0, 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a program; `minutes` of virtual time."""

    name: str
    minutes: float
    temperature_celsius: float | None = None
    co2_percent: float | None = None
    centrifuge_per_min: float = 0.0
    pump_ml_min: float = 0.0
    volume_ml: float | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """One program; `agitation_per_min` is what the chamber goes on turning at after it, None to keep what it was."""

    number: int
    name: str
    steps: tuple[Step, ...]
    agitation_per_min: float | None = None
    door_open_first: bool = False

    @property
    def hours(self) -> float:
        """Return the duration in virtual hours, if nobody holds it."""
        return sum(step.minutes for step in self.steps) / 60


PROGRAMS = {
    program.number: program
    for program in (
        Program(
            1, "INSTALL_PRIME_TEST",
            (Step("install set", 30, volume_ml=0.0), Step("prime", 30, pump_ml_min=40.0),
             Step("integrity test", 30)),
            door_open_first=True,
        ),
        Program(
            2, "CD4_CD8_SELECTION",
            (Step("wash apheresis", 60, 8.0, centrifuge_per_min=2200.0, pump_ml_min=40.0, volume_ml=150.0),
             Step("label", 45, 8.0, centrifuge_per_min=10.0, volume_ml=150.0),
             Step("separate", 105, 8.0, pump_ml_min=20.0, volume_ml=100.0),
             Step("elute", 30, pump_ml_min=60.0, volume_ml=80.0)),
        ),
        Program(
            3, "SEED_ACTIVATION",
            (Step("seed", 20, CULTURE_CELSIUS, CULTURE_CO2, pump_ml_min=10.0, volume_ml=70.0),
             Step("add activation reagent", 10, CULTURE_CELSIUS, CULTURE_CO2, pump_ml_min=4.0, volume_ml=74.0)),
            agitation_per_min=0.0,
        ),
        Program(
            4, "TRANSDUCTION",
            (Step("add vector", 40, pump_ml_min=10.0, volume_ml=96.0),
             Step("rinse bag", 20, pump_ml_min=4.0, volume_ml=100.0)),
        ),
        Program(
            5, "CULTURE_WASH",
            (Step("sediment", 20, centrifuge_per_min=900.0), Step("exchange", 25, pump_ml_min=30.0, volume_ml=80.0),
             Step("refill", 15, pump_ml_min=30.0, volume_ml=200.0)),
        ),
        Program(
            6, "AGITATION_FEED", (Step("feed", 18, pump_ml_min=10.0, volume_ml=250.0),), agitation_per_min=12.0,
        ),
        Program(
            7, "MEDIA_EXCHANGE",
            (Step("settle", 6), Step("remove", 12, pump_ml_min=40.0, volume_ml=100.0),
             Step("refill", 12, pump_ml_min=40.0, volume_ml=250.0)),
        ),
        Program(
            8, "HARVEST_WASH",
            (Step("concentrate", 45, centrifuge_per_min=1800.0, pump_ml_min=40.0, volume_ml=100.0),
             Step("wash", 75, 21.0, 0.1, centrifuge_per_min=1800.0, pump_ml_min=40.0, volume_ml=100.0),
             Step("transfer", 30, 21.0, 0.1, pump_ml_min=60.0, volume_ml=0.0)),
            agitation_per_min=0.0,
        ),
    )
}  # fmt: skip
SEED, EXCHANGE, HARVEST = 3, 7, 8
EXCHANGE_ML = 150.0
IDLE_AFTER_HARVEST_H = 0.5
