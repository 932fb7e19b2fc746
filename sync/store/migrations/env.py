"""Runs the steps on the connection that `sync.store.upgrade` hands over, inside its one transaction."""

from __future__ import annotations

from alembic import context

from sync.store.schema_all import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's too, since we begin transactions ourselves
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
