"""Alembic's entry: runs revisions on the engine it is given, against the tables of all rooms."""

from alembic import context

from mes.migrations.schema import everything

engine = context.config.attributes["engine"]
with engine.begin() as connection:
    context.configure(connection=connection, target_metadata=everything(), render_as_batch=False)
    with context.begin_transaction():
        context.run_migrations()
