"""The service that nothing shakes: tokens, nodes that are quarantined, checkpoints kept, figures at size."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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


def _nodes() -> None:
    """Workers in quarantine, and what a study says of attempts."""


def _checkpoints() -> None:
    """What the server keeps of runs, so that another node can resume them."""


def _points() -> None:
    """Metric points, as they arrive."""


def _dispatch() -> None:
    """The queue and the engine's view of a study."""
    op.add_column("stagetune_trial", sa.Column("touched", _COUNT, nullable=False, server_default="0"))
    op.create_index("ix_stagetune_trial_study_id_touched", "stagetune_trial", ["study_id", "touched"])


def _reading() -> None:
    """What pages and figures read."""
