"""The study files that put a task to Stagetune's own strategies."""

from __future__ import annotations

from typing import Any

from studies.contract.base import Params
from studies.contract.search_space import STANDARD
from studies.contract.stages import default_stages
from studies.contract.study_file import StudySpec
from tests.bench.quality.axes import Axis, Numeric, Ordinal
from tests.bench.quality.task import SCHEDULE, Task

DECADES = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001)
"""The guide's coarse grid (stage 1)."""

TOLERANCE = 1.001
"""By which a decade may lie outside a range that was written down with rounding errors."""


def guide(task: Task, budget: int, defaults: Params, seed: int, slots: int) -> StudySpec:
    """Return the guide as written: its three stages, with as many trials as the budget has full trainings.

    Where a table has its own batch sizes and momenta, they are the stage's axes; where the schedule is not to be
    chosen, the third stage is left out. Runs of the sweep are shorter than a full training, so part of the budget
    may remain.
    """
    del slots
    stages: list[dict[str, Any]] = [{"kind": "lr_sweep", "grid": rates(task)}, _batch_momentum(task)]
    if task.forms:
        stages.append({"kind": "decay_schedule", "forms": list(task.forms)})
    return StudySpec.model_validate({**_common(task, budget, defaults, seed), "strategy": "guide", "stages": stages})


def guided_search(task: Task, budget: int, defaults: Params, seed: int, slots: int) -> StudySpec:
    """Return the default strategy: the task's own ranges, and decay probes where the schedule is to be chosen."""
    ranges = {axis.name: _range(axis, defaults) for axis in task.axes if axis.name != SCHEDULE}
    stages: dict[str, dict[str, Any]] = {each.kind: {"kind": each.kind} for each in default_stages("guided_search")}
    stages["parameter_probes"]["parallel"] = stages["joint_search"]["parallel"] = slots
    if task.forms:
        stages["decay_probes"] |= {"forms": list(task.forms), "starts": list(task.starts)}
    else:
        del stages["decay_probes"]
    strategy = {"strategy": "guided_search", "space": ranges, "stages": list(stages.values())}
    return StudySpec.model_validate({**_common(task, budget, defaults, seed), **strategy})


def _range(axis: Axis, defaults: Params) -> dict[str, Any]:
    """Return an axis as the study file writes it; the standard hyperparameters start at the study's defaults."""
    start = {} if axis.name in STANDARD else {"default": defaults[axis.name]}
    if isinstance(axis, Numeric):
        return {
            "kind": "int" if axis.integer else "float",
            "low": axis.low,
            "high": axis.high,
            "log": axis.log,
            **start,
        }
    return {"kind": "choice", "values": list(axis.choices), **start}


def rates(task: Task) -> list[float]:
    """Return the decades that lie within the task's range of learning rates."""
    axis = next(axis for axis in task.axes if axis.name == "lr")
    assert isinstance(axis, Numeric)
    return [rate for rate in DECADES if axis.low / TOLERANCE <= rate <= axis.high * TOLERANCE]


def _batch_momentum(task: Task) -> dict[str, Any]:
    axes = {axis.name: axis for axis in task.axes}
    stage: dict[str, Any] = {"kind": "batch_momentum"}
    for name, key in (("batch_size", "batch_sizes"), ("momentum", "momenta")):
        if isinstance(axis := axes[name], Ordinal):
            stage[key] = list(axis.choices)
    return stage


def _common(task: Task, budget: int, defaults: Params, seed: int) -> dict[str, Any]:
    return {
        "name": task.name,
        "objective": {"kind": "function", "target": "train.py:train"},
        "budget": {"steps": task.epochs, "trials": budget},
        "evaluate_every": 1,
        "hold": "steps",
        "defaults": {name: defaults[name] for name in STANDARD},
        "seed": seed,
    }
