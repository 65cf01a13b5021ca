"""The neutral device signals that a master may name, with the unit in which limits on them can be told.

A vendor's own names live in node map files only; a word signal (unit None) has states, not numbers.
"""

SIGNALS: dict[str, str | None] = {
    "culture.temperature": "Cel",
    "culture.co2": "%",
    "culture.volume": "mL",
    "supply.air_pressure": "bar",
    "supply.co2_pressure": "bar",
    "process.centrifuge_speed": "/min",
    "process.pump_flow": "mL/min",
    "process.line_pressure": "mbar",
    "unit.state": None,
    "unit.mains": None,
    "unit.door_open": None,
}
