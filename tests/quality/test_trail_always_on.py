"""The audit trail cannot be switched off, nor rewritten by the role that the site runs as."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from mes.cli.site import site
from mes.errors import Refusal
from mes.ids import new_op
from mes.ledger.database import open_engine
from mes.ledger.grants import grants
from mes.ledger.store import Ledger
from mes.ledger.tables import KEYS
from mes.migrations import upgrade
from mes.migrations.schema import everything
from mes.quality.trail import tables
from mes.settings import SiteSettings
from tests.ledger.builders import KEY, NOW, NURSE, SITE, write

SWITCH = re.compile(r"audit|trail|ledger|journal|log(ging)?_(off|on|level)|record_(off|on)|trigger", re.IGNORECASE)
ENVIRONMENT = re.compile(r"environ\b|getenv\(")
MES = Path(__file__).parents[2] / "mes"
OTHERS = [name for metadata in everything() for name in metadata.tables]


@pytest.mark.rule("REG-A11D-12-3", "REG-A11D-12-1")
def test_no_setting_switches_the_trail() -> None:
    names = [one.name for one in dataclasses.fields(SiteSettings)]
    assert [name for name in names if SWITCH.search(name)] == []
    asking = [str(path.relative_to(MES)) for path in MES.rglob("*.py") if ENVIRONMENT.search(path.read_text())]
    assert [path for path in asking if path.startswith(("ledger/", "quality/", "web/", "batches/", "people/"))] == []


@pytest.mark.rule("REG-A11D-12-3", negative=True)
@pytest.mark.parametrize("name", ["audit_trail", "ledger_off", "trail_enabled", "log_off", "triggers"])
def test_a_switch_would_be_noticed(name: str) -> None:
    assert SWITCH.search(name)


@pytest.fixture
def granted(postgres_url: str) -> Iterator[str]:
    """Give the address of a site's database for a role that owns nothing; the owner made the tables."""
    role = f"app_{uuid4().hex[:12]}"
    owner = open_engine(postgres_url)
    upgrade(owner)
    Ledger.create(owner, site=SITE, tz="UTC", key=KEY, now=NOW, clock="real", software="t",
                  projectors=(tables.project,)).close()  # fmt: skip
    with owner.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        for statement in grants(role, OTHERS):
            connection.execute(text(statement))
    try:
        yield make_url(postgres_url).set(username=role).render_as_string(hide_password=False)
    finally:
        with owner.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        owner.dispose()


@pytest.mark.postgres
@pytest.mark.rule("REG-A11D-12-3", "REG-DI-06")
def test_the_sites_role_appends_and_reads(granted: str) -> None:
    engine = open_engine(granted)
    ledger = Ledger.open(engine, site=SITE, tz="UTC", key=KEY, projectors=(tables.project,))
    try:
        (entry,) = ledger.append(new_op(), [write("batch/B1")], actor=NURSE, now=NOW + timedelta(minutes=1))
        assert ledger.entry(entry.index).body == entry.body
        assert ledger.checkpoint(NOW + timedelta(minutes=2))
    finally:
        ledger.close()
        engine.dispose()


REWRITING = [
    *(f"UPDATE {table} SET {keys[0][0]} = {keys[0][0]}" for table, keys in KEYS.items()),
    *(f"DELETE FROM {table}" for table in KEYS if table != "content"),
    *(f"TRUNCATE {table} CASCADE" for table in KEYS),
    "ALTER TABLE entry DISABLE TRIGGER entry_no_update",
    "DROP TRIGGER entry_no_update ON entry",
    "DROP TABLE entry CASCADE",
    "CREATE TABLE other (x int)",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
]


@pytest.mark.postgres
@pytest.mark.rule("REG-A11D-12-3", negative=True)
def test_the_sites_role_rewrites_nothing(granted: str) -> None:
    engine = open_engine(granted)
    answers = {}
    for statement in REWRITING:
        try:
            with engine.begin() as connection:
                connection.execute(text(statement))
            answers[statement] = "done"
        except DBAPIError as refused:
            answers[statement] = str(getattr(refused.orig, "sqlstate", ""))
    engine.dispose()
    assert answers == dict.fromkeys(REWRITING, "42501")  # insufficient privilege


def test_the_grants_are_printed_for_the_owner() -> None:
    told = CliRunner().invoke(site, ["grants", "--role", "septima_app"])
    assert told.exit_code == 0
    assert "GRANT SELECT, INSERT ON entry TO septima_app;" in told.output.splitlines()
    assert "UPDATE" not in "".join(line for line in told.output.splitlines() if " ON entry " in line)


@pytest.mark.parametrize("role", ["", "App", "app; DROP TABLE entry", 'a"b', "x" * 64])
def test_a_role_is_a_plain_name(role: str) -> None:
    with pytest.raises(Refusal) as refused:
        grants(role, ())
    assert refused.value.code == "database-role-malformed"
