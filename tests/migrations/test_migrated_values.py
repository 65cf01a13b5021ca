"""What an older release recorded keeps value and meaning through every upgrade, on both databases."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import MetaData, select, text

from mes.ids import new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Occurred, Write
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger
from mes.migrations import upgrade

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
AFTER = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
PERSON = Actor("person", "P-1", "Zoë Ångström", "operator", "T-1")
VALUES = (
    {"value": "37.10", "unit": "Cel"},
    {"value": "-0.5", "unit": "10*6/mL"},
    {"value": "999999999999999999.000000000001", "unit": "1"},
)
ORDERED = """INSERT INTO batch_order (site, order_id, product, patient, dose, placed_at)
 VALUES ('test-site', 'O-1', 'CD19', 'PT-1', '1.0E6', '2026-03-29T00:30:00Z')"""
NOT_OURS = {"alembic_version"}


@pytest.fixture
def engine(ledger_url):
    made = open_engine(ledger_url)
    upgrade(made, "0001")
    yield made
    made.dispose()


@pytest.fixture
def key(tmp_path):
    return SiteKey.create(tmp_path / "site.key", "septima/test-site/1")


@pytest.fixture
def recorded(engine, key):
    """A ledger on the first schema: quantities, a late fact, a correction, two sides of a change of summer time."""
    ledger = Ledger.create(
        engine, site="test-site", tz="Europe/Brussels", key=key, now=NOW, clock="simulated", software="0.1"
    )
    name = stream("batch", "B1")
    for now in (NOW, AFTER):
        drafts = tuple(
            Draft("batch:value:told", {"parameter": "temperature", **value}, occurred=Occurred(NOW, "person"))
            for value in VALUES
        )
        ledger.append(new_op(), [Write(name, drafts)], actor=PERSON, now=now)
    corrected = Draft("batch:value:told", {**VALUES[0], "value": "37.20"}, reason="déjà lu", corrects=(name, 0))
    ledger.append(new_op(), [Write(name, (corrected,))], actor=PERSON, now=AFTER)
    ledger.heartbeat(AFTER)
    with engine.begin() as connection:
        connection.execute(text(ORDERED))
    yield ledger
    ledger.close()


def everything_in(engine):
    """Return table -> column -> values in the order of the rows, of everything that holds something."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            name: sorted(repr(dict(row)) for row in connection.execute(select(table)).mappings())
            for name, table in found.tables.items()
            if name not in NOT_OURS
        }


def differences(before, after):
    """Return the tables in which something of `before` is not as it was."""
    return sorted(name for name, rows in before.items() if rows != after.get(name))


def told(engine, key):
    """Return what every entry says: numbers with all digits, units, times with zone, reasons."""
    ledger = Ledger.open(engine, site="test-site", tz="Europe/Brussels", key=key)
    try:
        return [json.loads(entry.body) for entry in ledger.entries()]
    finally:
        ledger.close()


@pytest.mark.rule("REG-A11-04-8")
def test_an_upgrade_keeps_every_value_unit_and_time_zone(engine, key, recorded):
    before, said = everything_in(engine), told(engine, key)
    upgrade(engine)
    assert differences(before, everything_in(engine)) == []
    assert told(engine, key) == said
    assert [(one["data"]["value"], one["data"]["unit"]) for one in said if "value" in one["data"]][:3] == [
        (value["value"], value["unit"]) for value in VALUES
    ]
    assert [one["utc_offset"] for one in said if "value" in one["data"]] == ["+01:00"] * 3 + ["+02:00"] * 4
    assert verify_ledger(engine).size == len(said)


@pytest.mark.rule("REG-A11-04-8", negative=True)
@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("batch_order", "UPDATE batch_order SET dose = '1E6'"),
        ("batch_order", "UPDATE batch_order SET placed_at = '2026-03-29T02:30:00Z'"),
        ("batch_order", "DELETE FROM batch_order"),
        ("checkpoint", "INSERT INTO checkpoint (gen, size, at, note) VALUES (1, 3, 'x', 'y')"),
    ],
)
def test_a_value_that_changes_on_the_way_is_found(engine, key, recorded, table, change):
    before = everything_in(engine)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(change))
    assert differences(before, everything_in(engine)) == [table]
