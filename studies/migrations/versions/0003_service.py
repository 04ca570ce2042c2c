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
    """Workers that are held back, and where a trial last failed."""
    for column in (
        sa.Column("hold", sa.Text(), nullable=True),
        sa.Column("held_because", sa.Text(), nullable=False, server_default=""),
        sa.Column("held_at", sa.Double(), nullable=True),
        sa.Column("failing", sa.Text(), nullable=False, server_default="[]"),
    ):
        op.add_column("stagetune_worker", column)
    op.add_column("stagetune_trial", sa.Column("failed_on", sa.Text(), nullable=False, server_default=""))
    op.add_column("stagetune_trial", sa.Column("failed_at", sa.Double(), nullable=True))


def _checkpoints() -> None:
    """What the server keeps of runs, so that another node can resume them."""


def _points() -> None:
    """Metric points, as they arrive."""


def _dispatch() -> None:
    """The queue and the engine's view of a study."""


def _reading() -> None:
    """What pages and figures read."""
