"""Packs: evicted attempts, trials that run alone, what devices say of their packs, and measured classes of runs.

SQLite cannot change a CHECK of a table, so the attempts move to a new table that takes the old one's name. Tables that
refer to them do so by name; the upgrade runs with SQLite's foreign keys off and checks them before it commits.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_RUNNING = sa.text("state = 'running'")
_STATES = "state IN ('running', 'completed', 'diverged', 'stopped', 'preempted', 'evicted', 'failed', 'expired')"
_KEPT = (
    "id, trial_id, study_id, ordinal, worker_id, device, token, state, reason, error, started_from, chunks, stop, "
    "started_at, ended_at, lease_expires_at"
)


def upgrade() -> None:
    op.add_column("stagetune_trial", sa.Column("alone", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("stagetune_device", sa.Column("status", sa.Text(), nullable=False, server_default="{}"))
    if op.get_context().dialect.name == "sqlite":
        _move_attempts()
    else:
        _alter_attempts()
    op.create_table(
        "stagetune_run_profile",
        sa.Column("run_class", sa.Text(), nullable=False),
        sa.Column("device_model", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("measured_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("run_class", "device_model", name="pk_stagetune_run_profile"),
    )


def _new_columns() -> tuple[sa.Column[bool], sa.Column[str], sa.Column[int]]:
    return (
        sa.Column("alone", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False, server_default="0"),
    )


def _alter_attempts() -> None:
    for column in _new_columns():
        op.add_column("stagetune_attempt", column)
    op.drop_constraint(op.f("ck_stagetune_attempt_state"), "stagetune_attempt")
    op.create_check_constraint("state", "stagetune_attempt", _STATES)


def _move_attempts() -> None:
    op.create_table(
        "stagetune_attempt_0002",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_from", _COUNT, nullable=False),
        sa.Column("chunks", _COUNT, nullable=False),
        sa.Column("stop", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("lease_expires_at", sa.Double(), nullable=False),
        *_new_columns(),
        sa.CheckConstraint(_STATES, name=op.f("ck_stagetune_attempt_state")),
        sa.ForeignKeyConstraint(["study_id"], ["stagetune_study.id"], name="fk_stagetune_attempt_study_id"),
        sa.ForeignKeyConstraint(["trial_id"], ["stagetune_trial.id"], name="fk_stagetune_attempt_trial_id"),
        sa.ForeignKeyConstraint(["worker_id"], ["stagetune_worker.id"], name="fk_stagetune_attempt_worker_id"),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_attempt"),
        sa.UniqueConstraint("trial_id", "ordinal", name="uq_stagetune_attempt_trial_id_ordinal"),
    )
    op.execute(f"INSERT INTO stagetune_attempt_0002 ({_KEPT}) SELECT {_KEPT} FROM stagetune_attempt")  # noqa: S608
    op.drop_table("stagetune_attempt")
    op.rename_table("stagetune_attempt_0002", "stagetune_attempt")
    for name, column, unique in (
        ("ix_stagetune_attempt_running_lease", "lease_expires_at", False),
        ("ix_stagetune_attempt_running_worker", "worker_id", False),
        ("uq_stagetune_attempt_one_running_per_trial", "trial_id", True),
    ):
        op.create_index(name, "stagetune_attempt", [column], unique=unique, sqlite_where=_RUNNING)
