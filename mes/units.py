"""The one unit registry, and quantities as the record writes them: decimal text and a UCUM code."""

import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import pint

from mes.errors import Refusal

DECIMAL_PATTERN = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?")
UNITS: dict[str, str] = {
    # UCUM code: pint expression. Only these may stand in a master, a form or an entry.
    "1": "dimensionless",
    "%": "percent",
    "Cel": "degC",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "d": "day",
    "mL": "milliliter",
    "L": "liter",
    "uL": "microliter",
    "mL/min": "milliliter / minute",
    "g": "gram",
    "kg": "kilogram",
    "mg": "milligram",
    "ug": "microgram",
    "mbar": "millibar",
    "bar": "bar",
    "Pa": "pascal",
    "/min": "turn / minute",
    "mmol/L": "millimole / liter",
    "[pH]": "ph_unit",
    "{cells}": "cell",
    "10*6{cells}": "million_cells",
    "{cells}/mL": "cell / milliliter",
    "10*6{cells}/mL": "million_cells / milliliter",
    "10*6{cells}/kg": "million_cells / kilogram",
    "{cells}/kg": "cell / kilogram",
    "[IU]/mL": "international_unit / milliliter",
    "[EU]/mL": "endotoxin_unit / milliliter",
    "[EU]/kg/h": "endotoxin_unit / kilogram / hour",
    "{copies}/{cell}": "vector_copy / cell",
    "{TU}/{cell}": "transducing_unit / cell",
    "{TU}/mL": "transducing_unit / milliliter",
    "{TU}": "transducing_unit",
    "{vial}": "vial",
    "{bag}": "product_bag",
    "mg/m2": "milligram / meter ** 2",
    "10*9{cells}": "billion_cells",
    "10*6{TU}/mL": "million_transducing_units / milliliter",
    "[IU]": "international_unit",
    "pg/mL": "picogram / milliliter",
    "ng/mL": "nanogram / milliliter",
    "ug/mL": "microgram / milliliter",
    "m2": "meter ** 2",
    "cm": "centimeter",
    "mm[Hg]": "mmHg",
    "{piece}": "piece",
}
_OWN = (
    "cell = [cell_count]",
    "international_unit = [biological_activity]",
    "endotoxin_unit = [endotoxin_activity]",
    "transducing_unit = [transducing_activity]",
    "vector_copy = [vector_copies]",
    "million_cells = 1e6 * cell",
    "ph_unit = [acidity]",
    "vial = [vial_count]",
    "product_bag = [bag_count]",
    "piece = [piece_count]",
    "billion_cells = 1e9 * cell",
    "million_transducing_units = 1e6 * transducing_unit",
)
_DIGITS = 60  # a recorded decimal has up to 30; conversions by powers of ten must not round one away


@cache
def registry() -> Any:
    """Return the one pint registry of this process, with Decimal magnitudes."""
    made: Any = pint.UnitRegistry(non_int_type=Decimal)
    for definition in _OWN:
        made.define(definition)
    pint.set_application_registry(made)
    return made


@cache
def _unit(code: str) -> Any:
    return registry().Unit(UNITS[code])


def checked_unit(code: str) -> str:
    """Return `code` if it is on the product's list, or refuse with `unit-unknown`."""
    if code not in UNITS:
        raise Refusal("unit-unknown", status=422, unit=code[:40])
    return code


def are_compatible(one: str, other: str) -> bool:
    """Return whether a value in unit `one` can be told in unit `other`; refuses `unit-unknown`."""
    return bool(_unit(checked_unit(one)).dimensionality == _unit(checked_unit(other)).dimensionality)


def decimal_of(text: str) -> Decimal:
    """Read a decimal as the record writes it, or refuse with `number-malformed` (1e9, NaN, 1,5, 01, -0)."""
    if len(text) > 40 or not DECIMAL_PATTERN.fullmatch(text):
        raise Refusal("number-malformed", status=422, given=text[:40])
    value = Decimal(text)
    if value.is_zero() and text.startswith("-"):
        raise Refusal("number-malformed", status=422, given=text[:40])
    return value


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity as recorded: `value` keeps every digit that was given, `unit` is a code of UNITS."""

    value: Decimal
    unit: str

    @classmethod
    def of(cls, value: str, unit: str) -> "Measure":
        """Read value and unit code; refuses `number-malformed` or `unit-unknown`."""
        return cls(decimal_of(value), checked_unit(unit))

    def as_unit(self, code: str) -> Decimal:
        """Return the magnitude in another unit, or refuse with `unit-incompatible`."""
        if code == self.unit:
            return self.value
        try:
            with localcontext(prec=_DIGITS):
                found = registry().Quantity(self.value, _unit(self.unit)).to(_unit(checked_unit(code)))
                return Decimal(found.magnitude)
        except pint.DimensionalityError as error:
            raise Refusal("unit-incompatible", status=422, given=self.unit, wanted=code) from error

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit}" if self.unit != "1" else f"{self.value:f}"
