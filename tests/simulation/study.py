"""Short ways to a study: a spec with everything filled in but what a test is about."""

from __future__ import annotations

from typing import Any

from studies.contract.study_file import StageKind, StudySpec

ALL: tuple[StageKind, ...] = ("lr_sweep", "batch_momentum", "decay_schedule")
SWEEP: dict[str, Any] = {"kind": "lr_sweep"}
BATCH: dict[str, Any] = {"kind": "batch_momentum"}
DECAY: dict[str, Any] = {"kind": "decay_schedule"}


def study(*stages: dict[str, Any], steps: int = 120, trials: int = 60, **changes: Any) -> StudySpec:
    """Return a study of these stages, all three with their defaults where none is given."""
    document = {
        "name": "study",
        "objective": {"kind": "function", "target": "train.py:train"},
        "budget": {"steps": steps, "trials": trials},
        "evaluate_every": min(5, steps),
        "stages": list(stages) or [{"kind": kind} for kind in ALL],
        **changes,
    }
    return StudySpec.model_validate(document)
