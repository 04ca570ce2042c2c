"""The dashboard: whose a study is and what it is tagged with, what runs took, what the trial table asks for."""

from __future__ import annotations

import json

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
    """The list of studies: whose they are, what they are found and sorted by without reading their files."""
    for column in (
        sa.Column("owner", sa.Text(), nullable=False, server_default=""),
        sa.Column("archived_at", sa.Double(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("metric", sa.Text(), nullable=False, server_default=""),
        sa.Column("direction", sa.Text(), nullable=False, server_default="maximize"),
    ):
        op.add_column("stagetune_study", column)
    op.create_index("ix_stagetune_attempt_study_id_ended_at", "stagetune_attempt", ["study_id", "ended_at"])
    _fill_metrics(op.get_bind())


def _fill_metrics(connection: sa.Connection) -> None:
    """Write down what each study is judged by. Schema 0003 had no tags; a file that cannot be read stays as it is."""
    study = sa.table("stagetune_study", *map(sa.column, ("id", "spec", "metric", "direction")))
    for row in connection.execute(sa.select(study.c.id, study.c.spec)).all():
        try:
            metric = json.loads(row.spec)["metric"]
            values = {"metric": metric["name"], "direction": metric["direction"]}
        except (ValueError, LookupError, TypeError):
            continue
        connection.execute(sa.update(study).where(study.c.id == row.id).values(values))


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
