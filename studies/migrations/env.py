"""Alembic's entry: runs on the connection that it is given, and sees Stagetune's tables alone."""

from __future__ import annotations

from alembic import context

from studies.storage.sql.tables import PREFIX, VERSION_TABLE, metadata


def include_name(name: str | None, kind: str, parents: object) -> bool:  # noqa: ARG001 - alembic's signature
    """Return whether Alembic may look at a thing: Optuna keeps tables of its own in the same database."""
    return kind != "table" or (name or "").startswith(PREFIX)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=include_name,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
