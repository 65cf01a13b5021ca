"""What the database role of the running site may do: on PostgreSQL, it owns nothing and rewrites nothing.

The triggers already refuse UPDATE, DELETE and TRUNCATE; without these rights the role cannot even try, and since it is
no owner it cannot drop a trigger. The owner's role is used for migrations and rebuilds alone, by somebody without an
interest in the data.
"""

import re
from collections.abc import Iterable

from mes.errors import Refusal
from mes.ledger.tables import KEYS

ROLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
REMOVABLE = ("content",)
"""Detachable content may go, and its trigger lets go only what an entry says is removed."""


def grants(role: str, tables: Iterable[str]) -> tuple[str, ...]:
    """Return the SQL that the owner runs for the site's role; `tables` are those that are no ledger.

    Refuses `database-role-malformed`. Rule: REG-A11D-12-3, REG-DI-06.
    """
    if not ROLE.fullmatch(role):
        raise Refusal("database-role-malformed", status=422, role=role[:40])
    made = ["REVOKE CREATE ON SCHEMA public FROM PUBLIC", f"GRANT USAGE ON SCHEMA public TO {role}"]
    for table in KEYS:
        rights = "SELECT, INSERT, DELETE" if table in REMOVABLE else "SELECT, INSERT"
        made += [f"REVOKE ALL ON {table} FROM PUBLIC, {role}", f"GRANT {rights} ON {table} TO {role}"]
    for table in sorted(set(tables) - set(KEYS)):
        made.append(f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{table}" TO {role}')
    return (*made, f"GRANT SELECT ON alembic_version TO {role}")
