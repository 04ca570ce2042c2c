"""Results of trials for the figures of hyperparameters."""

from __future__ import annotations

from typing import Any

from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.contract.study_file import StageKind
from studies.storage.port import TrialResult


def result(
    number: int,
    score: float | None = None,
    *,
    stage: StageKind = "joint_search",
    schedule: Schedule | None = None,
    **params: Any,
) -> TrialResult:
    """A trial that has come to a score, or one that diverged."""
    state = TrialState.DIVERGED if score is None else TrialState.COMPLETED
    return TrialResult(f"tr_{number}", number, stage, state, params, schedule or Schedule(), 100, score)
