"""The service that nothing shakes: tokens, nodes that are quarantined, checkpoints kept, figures at size."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from studies.migrations import thinned

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _access()
    _nodes()
    _checkpoints()
    _points()
    _dispatch()
    _reading()


def _access() -> None:
    """Tokens with scopes, and browser sessions."""
    op.create_table(
        "stagetune_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.Column("last_used_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_token"),
        sa.UniqueConstraint("secret_hash", name="uq_stagetune_token_secret_hash"),
    )
    op.create_table(
        "stagetune_session",
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=True),
        sa.Column("binding", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["stagetune_token.id"], name="fk_stagetune_session_token_id"),
        sa.PrimaryKeyConstraint("key_hash", name="pk_stagetune_session"),
    )
    count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("stagetune_attempt", sa.Column("printed", count, nullable=False, server_default="0"))


def _nodes() -> None:
    """Workers that are held back, where a trial last failed, and documents that could not be read."""
    for column in (
        sa.Column("hold", sa.Text(), nullable=True),
        sa.Column("held_because", sa.Text(), nullable=False, server_default=""),
        sa.Column("held_at", sa.Double(), nullable=True),
        sa.Column("failing", sa.Text(), nullable=False, server_default="[]"),
    ):
        op.add_column("stagetune_worker", column)
    op.add_column("stagetune_trial", sa.Column("failed_on", sa.Text(), nullable=False, server_default=""))
    op.add_column("stagetune_trial", sa.Column("failed_at", sa.Double(), nullable=True))
    op.create_table(
        "stagetune_poison",
        sa.Column("id", _COUNT, nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("study_id", sa.Text(), nullable=False),
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("found_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stagetune_poison"),
    )


def _checkpoints() -> None:
    """What the server keeps of runs, so that another node can resume them."""
    count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "stagetune_checkpoint",
        sa.Column("trial_id", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("step", count, nullable=False),
        sa.Column("bytes", count, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trial_id"], ["stagetune_trial.id"], name="fk_stagetune_checkpoint_trial_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trial_id", name="pk_stagetune_checkpoint"),
    )


def _points() -> None:
    """Metric points, as they arrive."""


def _dispatch() -> None:
    """The queue and the engine's view of a study."""
    op.add_column("stagetune_trial", sa.Column("touched", _COUNT, nullable=False, server_default="0"))
    op.create_index("ix_stagetune_trial_study_id_touched", "stagetune_trial", ["study_id", "touched"])
    unrecorded = sa.text("optuna_number IS NULL")
    op.create_index(
        "ix_stagetune_trial_unrecorded",
        "stagetune_trial",
        ["study_id", "stage", "number"],
        sqlite_where=unrecorded,
        postgresql_where=unrecorded,
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_stagetune_trial_waiting",
        "stagetune_trial",
        ["study_id", "alone", "number"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def _reading() -> None:
    """What pages and figures read: thinned curves, scores and sizes, and how studies stand."""
    count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("stagetune_metric_summary", sa.Column("thinned", sa.LargeBinary(), nullable=True))
    op.add_column("stagetune_trial", sa.Column("score", sa.Double(), nullable=True))
    for name in ("points", "bytes"):
        op.add_column("stagetune_trial", sa.Column(name, count, nullable=False, server_default="0"))
    thinned.fill(op.get_bind())
    op.create_index("ix_stagetune_trial_study_id_stage_number", "stagetune_trial", ["study_id", "stage", "number"])
    _index_of_some("unfinished", ["study_id", "number"], "ended_at IS NULL")
    _index_of_some("scored", ["study_id", "score", "number", "stage"], "score IS NOT NULL")


def _index_of_some(name: str, columns: list[str], where: str) -> None:
    """Create an index of those trials alone for which `where` is true."""
    condition = sa.text(where)
    op.create_index(
        f"ix_stagetune_trial_{name}",
        "stagetune_trial",
        columns,
        sqlite_where=condition,
        postgresql_where=condition,
    )
