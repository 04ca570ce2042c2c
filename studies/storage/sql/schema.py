"""What Alembic may look at: Optuna keeps tables of its own in the same database."""

from __future__ import annotations

from studies.storage.sql.tables import PREFIX


def include_name(name: str | None, kind: str, parents: object) -> bool:  # noqa: ARG001 - alembic's signature
    """Return whether a thing of this name is Stagetune's."""
    return kind != "table" or (name or "").startswith(PREFIX)
