"""The dashboard: whose a study is and what it is tagged with, what runs took, what the trial table asks for."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _studies()
    _attempts()
    _trials()


def _studies() -> None:
    """The list of studies."""


def _attempts() -> None:
    """Resources of runs."""


def _trials() -> None:
    """The table of trials."""
