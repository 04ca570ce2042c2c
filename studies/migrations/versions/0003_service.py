"""The service that nothing shakes: tokens, nodes that are quarantined, checkpoints kept, figures at size."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _access()
    _nodes()
    _checkpoints()
    _points()
    _dispatch()
    _reading()


def _access() -> None:
    """Tokens with scopes, and browser sessions."""


def _nodes() -> None:
    """Workers in quarantine, and what a study says of attempts."""


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


def _reading() -> None:
    """What pages and figures read."""
