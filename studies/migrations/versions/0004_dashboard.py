"""The dashboard: whose a study is and what it is tagged with, what runs took, what the trial table asks for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _studies()
    _attempts()
    _trials()


def _studies() -> None:
    """The list of studies."""


def _attempts() -> None:
    """Which process trained a run and what it took; runs by device and time, and those that did not go well."""
    for column in (
        sa.Column("pack_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("peak_memory_bytes", _COUNT, nullable=True),
        sa.Column("samples_per_second", sa.Double(), nullable=True),
    ):
        op.add_column("stagetune_attempt", column)
    op.create_index(
        "ix_stagetune_attempt_worker_id_device_ended_at", "stagetune_attempt", ["worker_id", "device", "ended_at"]
    )
    failed = sa.text("state IN ('failed', 'evicted', 'expired')")
    op.create_index(
        "ix_stagetune_attempt_failed",
        "stagetune_attempt",
        ["worker_id", "ended_at"],
        sqlite_where=failed,
        postgresql_where=failed,
    )


def _trials() -> None:
    """The table of trials."""
