"""How long the runs of a guided search are: a full run, and the rungs at which runs are compared on the way."""

from __future__ import annotations

from studies.contract.base import Params
from studies.contract.study_file import StudySpec
from studies.core.space import equal_epochs_steps

REDUCTION = 3
"""A third goes on at every rung, for three times as long (guide, section 7)."""

RUNGS = 3
"""Rungs at 1/9, 1/3 and 1 of the steps: judging at 3 to 10 % alone does not find what full runs find (section 7)."""


def full_length(spec: StudySpec, params: Params) -> int:
    """Return the steps of a full run: the epochs of the default batch size, as far as the budget allows."""
    cap = spec.budget.steps
    if spec.hold == "steps":
        return cap
    length = equal_epochs_steps(cap, spec.defaults.batch_size, int(params["batch_size"]), cap)
    return whole_evaluations(spec, length, cap)


def rungs(spec: StudySpec, length: int) -> tuple[int, ...]:
    """Return the steps at which runs are compared, rising, the last being `length`; whole numbers of evaluations."""
    shares = [length / REDUCTION**power for power in reversed(range(RUNGS))]
    return tuple(sorted({whole_evaluations(spec, share, length) for share in shares}))


def whole_evaluations(spec: StudySpec, steps: float, cap: int) -> int:
    """Return at least so many steps, such that the last one is evaluated, but at most `cap`."""
    every = spec.evaluate_every
    return min(cap, max(1, -(-int(-(-steps // 1)) // every)) * every)
