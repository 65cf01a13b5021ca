"""The schema of the main database, revision by revision; every upgrade ends with the append-only triggers in place."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from mes.ledger.triggers import install_triggers

SCRIPTS = Path(__file__).parent


def configuration(engine: Engine) -> Config:
    """Return Alembic's configuration for a database."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config


def head_and_present(connection: Connection) -> tuple[str, str | None]:
    """Return the newest revision that this program knows, and the one of a database; None where none was ever made.

    Revisions are numbered: one that is larger than the head is a newer program's.
    """
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    (head,) = ScriptDirectory.from_config(config).get_heads()
    return head, MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, then put every trigger back: Alembic drops them on SQLite without a word."""
    command.upgrade(configuration(engine), revision)
    with engine.begin() as connection:
        install_triggers(connection)
