"""Runs the migrations on the connection that ``upgrade`` gives, in its transaction."""

from alembic import context

from ringfence.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
