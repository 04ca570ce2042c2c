"""How a study of a tabulated task is made: real training curves in a table, one evaluation an epoch.

The table's epochs are the study's steps, so `hold` is ``steps``: a full run takes all epochs at any batch size. What
the table has no values for is fixed by a choice of one, a schedule that cannot be chosen by leaving out the probes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studies.contract.study_file import StudySpec


def tabulated_study(
    *,
    epochs: int,
    trials: int,
    space: Mapping[str, Any],
    defaults: Mapping[str, Any],
    forms: tuple[str, ...] = (),
    starts: tuple[float, ...] = (),
    metric: Mapping[str, Any] | None = None,
    parallel: int | None = None,
    seed: int = 0,
) -> StudySpec:
    """Return a guided search whose budget is `trials` full runs of `epochs` evaluations each.

    Args:
        space: ranges by name as in the study file, ``lr`` to ``weight_decay`` and further ones with their ``default``.
        defaults: starting values of ``lr``, ``batch_size``, ``momentum`` and ``weight_decay``.
        forms, starts: decays that the table has, starts as shares of a run; none where the schedule is fixed.
        parallel: runs under way at once in the probes and in the joint search: the simulator's slots.
    """
    decay = [{"kind": "decay_probes", "forms": forms, "starts": starts}] if forms else []
    return StudySpec.model_validate(
        {
            "name": "tabulated",
            "objective": {"kind": "function", "target": "table.py:train"},
            "metric": dict(metric or {"name": "dev_accuracy"}),
            "budget": {"steps": epochs, "trials": trials},
            "evaluate_every": 1,
            "hold": "steps",
            "seed": seed,
            "defaults": dict(defaults),
            "space": dict(space),
            "stages": [
                {"kind": "lr_halving"},
                *decay,
                {"kind": "parameter_probes", "parallel": parallel},
                {"kind": "joint_search", "parallel": parallel},
                {"kind": "confirm"},
            ],
        }
    )
