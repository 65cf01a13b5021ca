"""Everything that stands in a database, to be compared with what stands there later."""

from sqlalchemy import Engine, MetaData, select

Rows = dict[str, list[tuple[object, ...]]]


def rows_of(engine: Engine) -> Rows:
    """Return the rows of every table, sorted."""
    found = MetaData()
    found.reflect(engine)
    with engine.connect() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for name, table in found.tables.items()
        }
