"""The tables of Stagetune.

Revision: 0001, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    _studies()
    _trials()
    _workers()
    _attempts()
    _reports()
    _events()


def _studies() -> None:
    op.create_table(
        "stagetune_study",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version", _COUNT, nullable=False),
        sa.Column("best_trial_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("document_hash", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'paused', 'awaiting_approval', 'completed', 'failed', 'cancelled')",
            name="state",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_study"),
        sa.UniqueConstraint("idempotency_key", name="uq_stagetune_study_idempotency_key"),
        sa.UniqueConstraint("name", name="uq_stagetune_study_name"),
    )
    op.create_index("ix_stagetune_study_state", "stagetune_study", ["state"])
    op.create_table(
        "stagetune_stage",
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.Double(), nullable=True),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'awaiting_approval', 'running', 'completed', 'failed', 'cancelled')",
            name="state",
        ),
        sa.ForeignKeyConstraint(["study_id"], ["stagetune_study.id"], name="fk_stagetune_stage_study_id"),
        sa.PrimaryKeyConstraint("study_id", "kind", name="pk_stagetune_stage"),
        sa.UniqueConstraint("study_id", "position", name="uq_stagetune_stage_study_id_position"),
    )
    op.create_table(
        "stagetune_decision",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.Double(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "stage"],
            ["stagetune_stage.study_id", "stagetune_stage.kind"],
            name="fk_stagetune_decision_study_id_stage",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_decision"),
        sa.UniqueConstraint("study_id", "sequence", name="uq_stagetune_decision_study_id_sequence"),
    )


def _trials() -> None:
    op.create_table(
        "stagetune_trial",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("num_steps", _COUNT, nullable=False),
        sa.Column("seed", _COUNT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_because", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("expiries", sa.Integer(), nullable=False),
        sa.Column("last_step", _COUNT, nullable=False),
        sa.Column("told_at", sa.Double(), nullable=True),
        sa.Column("optuna_number", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'completed', 'diverged', 'pruned', 'failed', 'cancelled')",
            name="state",
        ),
        sa.ForeignKeyConstraint(
            ["study_id", "stage"],
            ["stagetune_stage.study_id", "stagetune_stage.kind"],
            name="fk_stagetune_trial_study_id_stage",
        ),
        sa.ForeignKeyConstraint(["study_id"], ["stagetune_study.id"], name="fk_stagetune_trial_study_id"),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_trial"),
        sa.UniqueConstraint("study_id", "number", name="uq_stagetune_trial_study_id_number"),
        sa.UniqueConstraint("study_id", "stage", "key", name="uq_stagetune_trial_study_id_stage_key"),
    )
    op.create_index("ix_stagetune_trial_study_id_state", "stagetune_trial", ["study_id", "state"])


def _workers() -> None:
    op.create_table(
        "stagetune_worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hostname", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("objectives", sa.Text(), nullable=False),
        sa.Column("allow", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.Double(), nullable=False),
        sa.Column("last_sync_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_worker"),
    )
    op.create_index("ix_stagetune_worker_last_sync_at", "stagetune_worker", ["last_sync_at"])
    op.create_table(
        "stagetune_device",
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("memory_bytes", _COUNT, nullable=True),
        sa.Column("memory_used_bytes", _COUNT, nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.CheckConstraint("capacity >= 0", name="capacity"),
        sa.ForeignKeyConstraint(["worker_id"], ["stagetune_worker.id"], name="fk_stagetune_device_worker_id"),
        sa.PrimaryKeyConstraint("worker_id", "name", name="pk_stagetune_device"),
    )


def _attempts() -> None:
    op.create_table(
        "stagetune_attempt",
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
        sa.CheckConstraint(
            "state IN ('running', 'completed', 'diverged', 'stopped', 'preempted', 'failed', 'expired')",
            name="state",
        ),
        sa.ForeignKeyConstraint(["study_id"], ["stagetune_study.id"], name="fk_stagetune_attempt_study_id"),
        sa.ForeignKeyConstraint(["trial_id"], ["stagetune_trial.id"], name="fk_stagetune_attempt_trial_id"),
        sa.ForeignKeyConstraint(["worker_id"], ["stagetune_worker.id"], name="fk_stagetune_attempt_worker_id"),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_attempt"),
        sa.UniqueConstraint("trial_id", "ordinal", name="uq_stagetune_attempt_trial_id_ordinal"),
    )
    op.create_index(
        "ix_stagetune_attempt_running_lease",
        "stagetune_attempt",
        ["lease_expires_at"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index(
        "ix_stagetune_attempt_running_worker",
        "stagetune_attempt",
        ["worker_id"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index(
        "uq_stagetune_attempt_one_running_per_trial",
        "stagetune_attempt",
        ["trial_id"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )


def _reports() -> None:
    op.create_table(
        "stagetune_metric_chunk",
        sa.Column("id", _COUNT, nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_step", _COUNT, nullable=False),
        sa.Column("stride", _COUNT, nullable=True),
        sa.Column("steps", sa.LargeBinary(), nullable=True),
        sa.Column("values", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(stride IS NULL) <> (steps IS NULL)", name="regular_or_listed"),
        sa.ForeignKeyConstraint(["attempt_id"], ["stagetune_attempt.id"], name="fk_stagetune_metric_chunk_attempt_id"),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_metric_chunk"),
        sa.UniqueConstraint(
            "attempt_id", "name", "sequence", name="uq_stagetune_metric_chunk_attempt_id_name_sequence"
        ),
    )
    op.create_table(
        "stagetune_metric_summary",
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_step", _COUNT, nullable=False),
        sa.Column("last", sa.Double(), nullable=True),
        sa.Column("minimum", sa.Double(), nullable=True),
        sa.Column("maximum", sa.Double(), nullable=True),
        sa.Column("count", _COUNT, nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["stagetune_trial.id"], name="fk_stagetune_metric_summary_trial_id"),
        sa.PrimaryKeyConstraint("trial_id", "name", name="pk_stagetune_metric_summary"),
    )
    op.create_table(
        "stagetune_log_chunk",
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["stagetune_attempt.id"], name="fk_stagetune_log_chunk_attempt_id"),
        sa.PrimaryKeyConstraint("attempt_id", "sequence", name="pk_stagetune_log_chunk"),
    )


def _events() -> None:
    op.create_table(
        "stagetune_event",
        sa.Column("id", _COUNT, nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["stagetune_study.id"], name="fk_stagetune_event_study_id"),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_event"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stagetune_event_study_id_id", "stagetune_event", ["study_id", "id"])
