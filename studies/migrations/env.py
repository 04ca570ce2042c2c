"""Alembic's entry: runs on the connection that it is given, and sees Stagetune's tables alone."""

from __future__ import annotations

from alembic import context

from studies.storage.sql.schema import include_name
from studies.storage.sql.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=include_name,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
