"""The simulated chamber against the check runs of process.md 8.1 and 8.2."""

from dataclasses import replace

import pytest

from equipment_drivers.simulators.physics import (
    DONORS,
    Chamber,
    Donor,
    Inputs,
    exchanged,
    fed,
    grown,
    seeded,
    stepped,
    viability_percent,
)


def _donor(doubling_h: float) -> Donor:
    return Donor("check", 1e8, 48.0, doubling_h, 5e9, 0.55, 82.0)


@pytest.mark.parametrize(("doubling_h", "cells"), [(22, 1.24e9), (26, 0.87e9), (30, 0.66e9), (36, 0.48e9)])
def test_cells_at_hour_144(doubling_h: float, cells: float) -> None:
    assert grown(seeded(_donor(doubling_h)), _donor(doubling_h), 144).cells == pytest.approx(cells, rel=0.03)


@pytest.mark.parametrize(("doubling_h", "cells"), [(30, 3.8e9), (36, 2.9e9), (40, 2.3e9)])
def test_cells_on_day_12_when_seeded_twelve_hours_after_the_collection(doubling_h: float, cells: float) -> None:
    assert grown(seeded(_donor(doubling_h)), _donor(doubling_h), 276).cells == pytest.approx(cells, rel=0.03)


@pytest.mark.parametrize("donor", DONORS.values(), ids=DONORS)
def test_growth_does_not_depend_on_the_step(donor: Donor) -> None:
    whole, steps = grown(seeded(donor, 250), donor, 120), seeded(donor, 250)
    for _ in range(7200):
        steps = grown(steps, donor, 1 / 60)
    assert steps.cells == pytest.approx(whole.cells, rel=1e-9)
    assert steps.glucose_mm == pytest.approx(whole.glucose_mm, rel=1e-6)


def test_donors_differ_as_published() -> None:
    day_7 = {name: grown(seeded(donor), donor, 140).cells for name, donor in DONORS.items()}
    assert day_7["good"] > day_7["average"] > day_7["poor"]
    assert day_7["poor"] < 2e8 < day_7["average"]


def test_metabolism_of_a_seven_day_run() -> None:
    donor = DONORS["average"]
    day_4 = grown(seeded(donor, 250), donor, 96)
    assert (day_4.glucose_mm, day_4.lactate_mm, day_4.ph) == pytest.approx((18.0, 3.5, 7.34), rel=0.05)
    day_6 = grown(exchanged(grown(day_4, donor, 26), 150), donor, 22)
    assert (day_6.glucose_mm, day_6.ph) == pytest.approx((16.0, 7.28), rel=0.02)


def test_medium_never_turns_negative_and_feeding_dilutes() -> None:
    donor = DONORS["good"]
    starved = grown(seeded(donor, 70), donor, 200)
    assert starved.glucose_mm == 0
    doubled = fed(replace(starved, volume_ml=125.0), 250.0)
    assert (doubled.glucose_mm, doubled.volume_ml, doubled.cells) == (10.0, 250.0, starved.cells)


@pytest.mark.parametrize(("hours", "low", "high"), [(0, 94, 95), (45, 75, 88), (120, 90, 95), (140, 88, 98)])
@pytest.mark.parametrize("donor", DONORS.values(), ids=DONORS)
def test_viability_dips_and_recovers(donor: Donor, hours: float, low: float, high: float) -> None:
    assert low <= viability_percent(donor, hours) <= high


CULTURE = Inputs(temperature_celsius=37.0, co2_percent=5.0, volume_ml=70.0)
WARM = Chamber(temperature_celsius=37.0, co2_percent=5.0, volume_ml=70.0)


def test_the_chamber_reaches_its_set_points() -> None:
    warm = stepped(Chamber(), CULTURE, 3)
    assert (warm.temperature_celsius, warm.co2_percent, warm.volume_ml) == pytest.approx((37.0, 5.0, 70.0), abs=0.02)


@pytest.mark.parametrize(("inputs", "hours", "signal", "low", "high"), [
    (replace(CULTURE, heat_loss_celsius=3.0), 1.5, "temperature_celsius", 34.0, 34.1),
    (replace(CULTURE, co2_bottle=False), 0.5, "co2_percent", 1.9, 2.1),
    (replace(CULTURE, co2_bottle=False), 0.25, "co2_bar", 0.6, 1.2),
    (replace(CULTURE, air_supply=False), 0.25, "air_bar", 0.6, 1.2),
    (replace(CULTURE, pump_ml_min=40.0), 0.1, "line_mbar", 100, 400),
    (replace(CULTURE, pump_ml_min=40.0, occluded=True), 0.1, "line_mbar", 601, 700),
    (replace(CULTURE, pump_ml_min=40.0, occluded=True), 0.1, "pump_ml_min", 0, 0),
    (replace(CULTURE, volume_ml=200.0), 0.1, "volume_ml", 129, 131),
])  # fmt: skip
def test_failures_show_in_their_signal(inputs: Inputs, hours: float, signal: str, low: float, high: float) -> None:
    assert low <= getattr(stepped(WARM, inputs, hours), signal) <= high
