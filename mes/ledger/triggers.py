"""The triggers that keep the ledger's tables append-only, on both databases. Migrations install them again.

SQLite: a third trigger on INSERT, since INSERT OR REPLACE passes an UPDATE/DELETE trigger wherever a connection
lacks recursive_triggers; a table with a hidden rowid is checked by that, too. PostgreSQL: row triggers and a
statement trigger against TRUNCATE, ENABLE ALWAYS, since a replication role would skip others. Whoever owns the
tables can drop them: that is what the tree, the checkpoints and the witnesses are for.
"""

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
        wanted = _sqlite_triggers()
    else:
        wanted = {name: statements for name, (_, statements) in _postgresql_triggers().items()}
        for statement in _postgresql_functions() if missing else ():
            connection.exec_driver_sql(statement)
    for name in missing:
        for statement in wanted[name]:
            connection.exec_driver_sql(statement)


def missing_triggers(connection: Connection) -> list[str]:
    """Return the names of the triggers that are absent, altered or switched off."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        stored = {row.name: row.sql for row in rows}
        return [name for name, wanted in _sqlite_triggers().items() if stored.get(name) != wanted[-1]]
    rows = connection.exec_driver_sql(
        "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgenabled = 'A' AND c.relnamespace = current_schema()::regnamespace"
    )
    enabled = {row.tgname: row.prosrc for row in rows}
    sources = _postgresql_bodies()
    triggers = _postgresql_triggers().items()
    return [name for name, (function, _) in triggers if enabled.get(name) != sources[function]]


def check_triggers(connection: Connection) -> None:
    """Refuse to work without the triggers: Fault `ledger-triggers-missing`."""
    missing = missing_triggers(connection)
    if missing:
        raise Fault("ledger-triggers-missing", triggers=", ".join(missing))


def _sqlite_triggers() -> dict[str, tuple[str, ...]]:
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


def _sqlite(name: str, act: str, table: str, when: str) -> tuple[str, ...]:
    made = f"CREATE TRIGGER {name} BEFORE {act} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    return f"DROP TRIGGER IF EXISTS {name}", made


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


def _postgresql_triggers() -> dict[str, tuple[str, tuple[str, ...]]]:
    made: dict[str, tuple[str, tuple[str, ...]]] = {}
    for table in KEYS:
        on_delete = "ledger_content_delete" if table == "content" else "ledger_refuse"
        made.update(
            (
                _postgresql(f"{table}_no_update", "UPDATE", table, "ROW", "ledger_refuse"),
                _postgresql(f"{table}_no_delete", "DELETE", table, "ROW", on_delete),
                _postgresql(f"{table}_no_truncate", "TRUNCATE", table, "STATEMENT", "ledger_refuse"),
            )
        )
    made.update(
        (
            _postgresql("content_no_return", "INSERT", "content", "ROW", "ledger_content_insert"),
            _postgresql("content_removal_by_entry", "INSERT", "content_removal", "ROW", "ledger_removal_insert"),
        )
    )
    return made


def _postgresql(name: str, act: str, table: str, each: str, function: str) -> tuple[str, tuple[str, tuple[str, ...]]]:
    statements = (
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
    )
    return name, (function, statements)
