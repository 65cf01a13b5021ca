"""The database's durability settings, read back from the database itself. Rule: REL-01."""

from collections.abc import Mapping

from sqlalchemy import Engine

from mes.errors import Fault
from mes.ledger.database import SQLITE_SETTINGS

POSTGRESQL_DEMANDED = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""Without any one of them a power cut loses or tears what was acknowledged (reliability: REL-01)."""
WORDS = {("synchronous", "2"): "FULL"}


def read_back(engine: Engine, is_production: bool) -> str:
    """Return the settings in words; Fault `database-settings` for one that would lose acknowledged entries.

    A demo may run on a throw-away PostgreSQL without fsync; production never.
    """
    found, demanded = _sqlite(engine) if engine.dialect.name == "sqlite" else _postgresql(engine)
    if is_production or engine.dialect.name == "sqlite":
        check_settings(found, demanded)
    return ", ".join(f"{name}={WORDS.get((name, value), value)}" for name, value in found.items())


def check_settings(found: Mapping[str, str], demanded: Mapping[str, str]) -> None:
    """Raise Fault `database-settings` for the first setting that is not as demanded."""
    for name, wanted in demanded.items():
        if found.get(name) != wanted:
            raise Fault("database-settings", setting=name, found=found.get(name, "nothing"), wanted=wanted)


def _sqlite(engine: Engine) -> tuple[dict[str, str], dict[str, str]]:
    wanted = {name: str(value) for name, value in SQLITE_SETTINGS.items()}
    with engine.connect() as connection:
        return {name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in wanted}, wanted


def _postgresql(engine: Engine) -> tuple[dict[str, str], dict[str, str]]:
    names = (*POSTGRESQL_DEMANDED, "data_checksums", "server_version")
    with engine.connect() as connection:
        found = {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in names}
    return found, POSTGRESQL_DEMANDED
