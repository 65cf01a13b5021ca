"""What happens inside a culture chamber, as pure functions of state, time step and inputs. No clock, no device.

Numbers: process.md 8.1 (growth), 8.2 (metabolism), 1.3 (signals): design values and published ranges, not a
model of any real product.
"""

import math
from dataclasses import dataclass, replace

AMBIENT_CELSIUS = 21.0
AIR_CO2_PERCENT = 0.1
LAG_DEATH_PER_H = 0.0045
GLUCOSE_MM = 20.0
LACTATE_PER_GLUCOSE = 1.8
UPTAKE_GROWING_PMOL_H = 0.07
UPTAKE_LAG_PMOL_H = 0.02


@dataclass(frozen=True, slots=True)
class Donor:
    """How one donor's cells grow; `capacity` is the chamber's ceiling in cells."""

    name: str
    seed_cells: float
    lag_h: float
    doubling_h: float
    capacity: float
    selection_recovery: float
    viability_minimum_percent: float


DONORS = {
    "good": Donor("good", 1e8, 42.0, 26.0, 5e9, 0.55, 88.0),
    "average": Donor("average", 1e8, 51.0, 33.0, 5e9, 0.55, 82.0),
    "poor": Donor("poor", 0.7e8, 72.0, 52.0, 3e9, 0.40, 75.0),
}


@dataclass(frozen=True, slots=True)
class Culture:
    """The cells and their medium; `age_h` counts from seeding."""

    age_h: float
    cells: float
    volume_ml: float
    glucose_mm: float
    lactate_mm: float

    @property
    def ph(self) -> float:
        """Return pH as the medium's buffer gives it."""
        return 7.40 - 0.018 * self.lactate_mm


def seeded(donor: Donor, volume_ml: float = 70.0) -> Culture:
    """Return the culture at the moment of seeding."""
    return Culture(0.0, donor.seed_cells, volume_ml, GLUCOSE_MM, 0.0)


def grown(culture: Culture, donor: Donor, hours: float) -> Culture:
    """Return the culture `hours` later: slow death in the lag, then logistic growth; exact for any step."""
    lag = min(hours, max(0.0, donor.lag_h - culture.age_h))
    after_lag = culture.cells * math.exp(-LAG_DEATH_PER_H * lag)
    growing = hours - lag
    rate = math.log(2) / donor.doubling_h
    ratio = after_lag / (donor.capacity - after_lag) * math.exp(rate * growing)
    cells = donor.capacity * ratio / (1 + ratio) if growing > 0 else after_lag
    lag_cell_hours = (culture.cells - after_lag) / LAG_DEATH_PER_H
    # the integral of the logistic curve is K/r * ln((K - N0) / (K - N1))
    grow_cell_hours = donor.capacity / rate * math.log((donor.capacity - after_lag) / (donor.capacity - cells))
    used_pmol = UPTAKE_LAG_PMOL_H * lag_cell_hours + UPTAKE_GROWING_PMOL_H * grow_cell_hours
    used_mm = min(culture.glucose_mm, used_pmol * 1e-12 / (culture.volume_ml * 1e-3) * 1e3)
    return Culture(
        culture.age_h + hours,
        cells,
        culture.volume_ml,
        culture.glucose_mm - used_mm,
        culture.lactate_mm + LACTATE_PER_GLUCOSE * used_mm,
    )


def fed(culture: Culture, volume_ml: float) -> Culture:
    """Return the culture filled up to `volume_ml` with fresh medium."""
    kept = min(1.0, culture.volume_ml / volume_ml)
    return replace(
        culture,
        volume_ml=volume_ml,
        glucose_mm=culture.glucose_mm * kept + GLUCOSE_MM * (1 - kept),
        lactate_mm=culture.lactate_mm * kept,
    )


def exchanged(culture: Culture, exchange_ml: float) -> Culture:
    """Return the culture after `exchange_ml` of its medium was replaced; the cells stay."""
    kept = 1 - exchange_ml / culture.volume_ml
    return replace(
        culture,
        glucose_mm=culture.glucose_mm * kept + GLUCOSE_MM * (1 - kept),
        lactate_mm=culture.lactate_mm * kept,
    )


def viability_percent(donor: Donor, age_h: float) -> float:
    """Return the share of viable cells: 95 after selection, a minimum near 45 h, above 90 from day 5 on."""
    dip = 95.0 - donor.viability_minimum_percent
    width_h = 16.0 if age_h < 45.0 else 30.0
    return 95.0 - dip * math.exp(-(((age_h - 45.0) / width_h) ** 2))


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the device drives the chamber with, and what is broken (`heat_loss_celsius`, empty bottles, a kink)."""

    temperature_celsius: float = AMBIENT_CELSIUS
    co2_percent: float = AIR_CO2_PERCENT
    centrifuge_per_min: float = 0.0
    pump_ml_min: float = 0.0
    volume_ml: float = 0.0
    volume_rate_ml_h: float = 600.0
    heat_loss_celsius: float = 0.0
    co2_bottle: bool = True
    air_supply: bool = True
    occluded: bool = False


@dataclass(frozen=True, slots=True)
class Chamber:
    """The measurable state of chamber and supplies, without noise."""

    temperature_celsius: float = AMBIENT_CELSIUS
    co2_percent: float = AIR_CO2_PERCENT
    air_bar: float = 1.5
    co2_bar: float = 1.5
    centrifuge_per_min: float = 0.0
    pump_ml_min: float = 0.0
    line_mbar: float = 0.0
    volume_ml: float = 0.0


HEAT_H, GAS_H, SUPPLY_H, LEAK_H = 0.35, 0.3, 0.2, 0.53
"""Time constants: the chamber's heat, its atmosphere, a supply line without source, an atmosphere without supply."""


def stepped(chamber: Chamber, inputs: Inputs, hours: float) -> Chamber:
    """Return the chamber `hours` later; first-order towards its inputs, exact for any step."""
    air_bar = _towards(chamber.air_bar, 1.5 if inputs.air_supply else 0.6, hours, SUPPLY_H)
    co2_bar = _towards(chamber.co2_bar, 1.5 if inputs.co2_bottle else 0.6, hours, SUPPLY_H)
    # an empty bottle feeds nothing: 5 % falls to about 2 % in half an hour
    wanted_co2 = inputs.co2_percent if co2_bar > 1.2 else AIR_CO2_PERCENT
    turning = 0.0 if inputs.occluded else inputs.pump_ml_min
    reach = inputs.volume_rate_ml_h * hours
    return Chamber(
        temperature_celsius=_towards(
            chamber.temperature_celsius, inputs.temperature_celsius - inputs.heat_loss_celsius, hours, HEAT_H
        ),
        co2_percent=_towards(chamber.co2_percent, wanted_co2, hours, GAS_H if co2_bar > 1.2 else LEAK_H),
        air_bar=air_bar,
        co2_bar=co2_bar,
        centrifuge_per_min=inputs.centrifuge_per_min,
        pump_ml_min=turning,
        line_mbar=650.0 if inputs.occluded else 3.0 * inputs.pump_ml_min,
        volume_ml=chamber.volume_ml + max(-reach, min(reach, inputs.volume_ml - chamber.volume_ml)),
    )


def _towards(value: float, target: float, hours: float, constant_h: float) -> float:
    return target + (value - target) * math.exp(-hours / constant_h)
