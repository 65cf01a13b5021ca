"""The triggers that keep the ledger's tables append-only, on both databases. Migrations install them again.

SQLite: a third trigger on INSERT, since INSERT OR REPLACE passes an UPDATE/DELETE trigger wherever a connection
lacks recursive_triggers; a table with a hidden rowid is checked by that, too. PostgreSQL: row triggers and a
statement trigger against TRUNCATE, ENABLE ALWAYS, since a replication role would skip others. Whoever owns the
tables can drop them: that is what the tree, the checkpoints and the witnesses are for.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from mes.errors import Fault
from mes.ledger.tables import KEYS

_ROWID_TABLES = ("content", "shown")
_REFUSED = "the ledger is append-only"
_GONE = "EXISTS (SELECT 1 FROM content_removal WHERE digest = {row}.digest)"


def install_triggers(connection: Connection) -> None:
    """Create every append-only trigger that is missing; changes nothing where all are present."""
    missing = missing_triggers(connection)
    if connection.dialect.name == "sqlite":
        for name in missing:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(_sqlite_triggers()[name])
    elif missing:
        wanted = _postgresql_triggers()
        made = [statement for name in missing for statement in wanted[name].statements]
        connection.exec_driver_sql(";".join([*_postgresql_functions(), *made]))


def missing_triggers(connection: Connection) -> list[str]:
    """Return the names of the triggers that are absent, altered or switched off."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        stored = {row.name: row.sql for row in rows}
        return [name for name, wanted in _sqlite_triggers().items() if stored.get(name) != wanted]
    rows = connection.exec_driver_sql(
        "SELECT t.tgname, c.relname, t.tgtype, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgenabled = 'A' AND t.tgqual IS NULL AND c.relnamespace = current_schema()::regnamespace"
    )
    enabled = {row.tgname: (row.relname, row.tgtype, row.prosrc) for row in rows}
    return [name for name, wanted in _postgresql_triggers().items() if enabled.get(name) != wanted.stored]


def check_triggers(connection: Connection) -> None:
    """Refuse to work without the triggers: Fault `ledger-triggers-missing`."""
    missing = missing_triggers(connection)
    if missing:
        raise Fault("ledger-triggers-missing", triggers=", ".join(missing))


def _sqlite_triggers() -> dict[str, str]:
    made = {}
    for table, keys in KEYS.items():
        made[f"{table}_no_update"] = _sqlite(f"{table}_no_update", "UPDATE", table, "1")
        allowed = _GONE.format(row="OLD") if table == "content" else "0"
        made[f"{table}_no_delete"] = _sqlite(f"{table}_no_delete", "DELETE", table, f"NOT {allowed}")
        clashes = [" AND ".join(f'"{name}" = NEW."{name}"' for name in key) for key in keys]
        if table in _ROWID_TABLES:
            clashes.append("rowid = NEW.rowid")
        met = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {clash})" for clash in clashes)  # noqa: S608 - own names
        if table == "content":
            met += f" OR {_GONE.format(row='NEW')}"
        made[f"{table}_no_replace"] = _sqlite(f"{table}_no_replace", "INSERT", table, met)
    named = (
        "NOT EXISTS (SELECT 1 FROM entry e WHERE e.position = NEW.position"
        " AND e.type = 'content:removed'"
        " AND instr(e.body, CAST('\"content\":\"' || NEW.digest || '\"' AS BLOB)) > 0)"
    )
    made["content_removal_by_entry"] = _sqlite("content_removal_by_entry", "INSERT", "content_removal", named)
    return made


def _sqlite(name: str, act: str, table: str, when: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {act} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"


def _postgresql_bodies() -> dict[str, str]:
    refuse = f"RAISE EXCEPTION '{_REFUSED}' USING ERRCODE = '42501';"
    by_entry = (
        "NOT EXISTS (SELECT 1 FROM entry e WHERE e.position = NEW.position"
        " AND e.type = 'content:removed'"
        " AND position(convert_to('\"content\":\"' || NEW.digest || '\"', 'UTF8') IN e.body) > 0)"
    )
    return {
        "ledger_refuse": f" BEGIN {refuse} END ",
        "ledger_content_delete": f" BEGIN IF {_GONE.format(row='OLD')} THEN RETURN OLD; END IF; {refuse} END ",
        "ledger_content_insert": f" BEGIN IF {_GONE.format(row='NEW')} THEN {refuse} END IF; RETURN NEW; END ",
        "ledger_removal_insert": f" BEGIN IF {by_entry} THEN {refuse} END IF; RETURN NEW; END ",
    }


def _postgresql_functions() -> list[str]:
    made = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS $${}$$"
    return [made.format(name, body) for name, body in _postgresql_bodies().items()]


@dataclass(frozen=True, slots=True)
class _Trigger:
    """A trigger of PostgreSQL: how it is made, and what the catalogue must say of it."""

    name: str
    act: str
    table: str
    function: str

    @property
    def statements(self) -> tuple[str, ...]:
        each = "STATEMENT" if self.act == "TRUNCATE" else "ROW"
        return (
            f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}",
            f"CREATE TRIGGER {self.name} BEFORE {self.act} ON {self.table}"
            f" FOR EACH {each} EXECUTE FUNCTION {self.function}()",
            f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {self.name}",
        )

    @property
    def stored(self) -> tuple[str, int, str]:
        """Return table, pg_trigger.tgtype (row 1, before 2, then the act) and the function's source."""
        row_before = 2 if self.act == "TRUNCATE" else 3
        return self.table, row_before | _ACTS[self.act], _postgresql_bodies()[self.function]


_ACTS = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}


def _postgresql_triggers() -> dict[str, _Trigger]:
    made = [
        _Trigger("content_no_return", "INSERT", "content", "ledger_content_insert"),
        _Trigger("content_removal_by_entry", "INSERT", "content_removal", "ledger_removal_insert"),
    ]
    for table in KEYS:
        on_delete = "ledger_content_delete" if table == "content" else "ledger_refuse"
        made.append(_Trigger(f"{table}_no_update", "UPDATE", table, "ledger_refuse"))
        made.append(_Trigger(f"{table}_no_delete", "DELETE", table, on_delete))
        made.append(_Trigger(f"{table}_no_truncate", "TRUNCATE", table, "ledger_refuse"))
    return {trigger.name: trigger for trigger in made}
