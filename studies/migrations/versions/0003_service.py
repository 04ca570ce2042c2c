"""The service that nothing shakes: tokens, nodes that are quarantined, checkpoints kept, figures at size."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from studies.migrations import thinned

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


def _points() -> None:
    """Metric points, as they arrive."""


def _dispatch() -> None:
    """The queue and the engine's view of a study."""


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
    _index_of_some("ended", ["study_id", "stage", "last_step", "points", "bytes"], "ended_at IS NOT NULL")


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
