"""Revision 0001 on both databases: data live on it, head equals the models, triggers stand after every upgrade."""

from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from mes.ids import Op, new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.ledger.triggers import missing_triggers
from mes.migrations import configuration, upgrade
from mes.migrations.schema import everything

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)


@pytest.fixture
def engine(ledger_url):
    made = open_engine(ledger_url)
    upgrade(made)
    yield made
    made.dispose()


def test_the_head_is_what_the_rooms_say(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, everything()) == []


def test_a_ledger_lives_on_the_migrated_schema(engine, tmp_path):
    key = SiteKey.create(tmp_path / "site.key", "septima/test-site/1")
    ledger = Ledger.create(engine, site="test-site", tz="UTC", key=key, now=NOW, clock="simulated", software="test")
    op = new_op()
    write = Write(stream("batch", "B1"), (Draft("batch:held", {"cause": "person"}),))
    (entry,) = ledger.append(Op(op), [write], actor=Actor.system("test"), now=NOW)
    assert ledger.entry(entry.index).body == entry.body


def test_no_trigger_is_missing_after_an_upgrade(engine):
    with engine.connect() as connection:
        assert missing_triggers(connection) == []


def test_entries_cannot_be_changed_on_the_migrated_schema(engine, tmp_path):
    key = SiteKey.create(tmp_path / "site.key", "septima/test-site/1")
    Ledger.create(engine, site="test-site", tz="UTC", key=key, now=NOW, clock="simulated", software="test")
    for statement in ("UPDATE entry SET type = 'x'", "DELETE FROM entry"):
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement))


def test_down_and_up_again_gives_the_same_schema(engine):
    def columns() -> dict[str, list[str]]:
        seen = inspect(engine)
        return {name: sorted(one["name"] for one in seen.get_columns(name)) for name in seen.get_table_names()}

    before = columns()
    command.downgrade(configuration(engine), "base")
    assert set(columns()) <= {"alembic_version"}
    upgrade(engine)
    assert columns() == before
    with engine.connect() as connection:
        assert missing_triggers(connection) == []
