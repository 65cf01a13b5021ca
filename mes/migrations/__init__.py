"""The schema of the main database, revision by revision; every upgrade ends with the append-only triggers in place."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from mes.ledger.triggers import install_triggers

SCRIPTS = Path(__file__).parent


def configuration(engine: Engine) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, then put every trigger back: Alembic drops them on SQLite without a word."""
    command.upgrade(configuration(engine), revision)
    with engine.begin() as connection:
        install_triggers(connection)
