"""What the model is told: every run of the study so far as a point with a value, and what is still under way.

A run that was stopped enters at its value plus the median later gain of the runs that went on (guide, section 7): left
out, the model would come back to where it has been; at its value alone, a late decay would look bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studies.contract.states import TrialState
from studies.core.context import Context, StageT
from studies.core.judging import Measure
from studies.core.search.budget import reached
from studies.core.search.dimensions import Values
from studies.core.search.lengths import full_length
from studies.core.search.space import SearchSpace
from studies.core.search.standing import finished, is_full, read_at, reader
from studies.core.snapshot import Trial


@dataclass(frozen=True)
class Observations:
    """Points of the space, shape [n, d], with values [n], higher is better.

    Attributes:
        spread: variance of each value beyond that of a finished run, in the square of the values' unit, shape [n].
        pending: points whose runs are under way, shape [p, d].
    """

    points: Values
    values: Values
    spread: Values
    pending: Values


def observe(context: Context[StageT], space: SearchSpace) -> Observations:
    """Return all that the study's runs say about the space."""
    read, done = reader(context), finished(context)
    seen = [(trial, _value(context, trial, read, done)) for trial in context.snapshot.trials]
    known = [(trial, value) for trial, value in seen if value is not None]
    worst = min((value for _, (value, _) in known), default=0.0)
    lost = [(trial, (worst, 0.0)) for trial in context.snapshot.trials if trial.state is TrialState.DIVERGED]
    pending = [trial for trial in context.snapshot.trials if not trial.state.ended]
    return Observations(
        points=_points(context, space, [trial for trial, _ in known + lost]),
        values=np.array([value for _, (value, _) in known + lost]),
        spread=np.array([spread for _, (_, spread) in known + lost]),
        pending=_points(context, space, pending),
    )


def _points(context: Context[StageT], space: SearchSpace, trials: Sequence[Trial]) -> Values:
    rows = [space.point(t.params, t.schedule, full_length(context.spec, t.params)) for t in trials]
    return np.array(rows).reshape(len(rows), len(space))


def _value(context: Context[StageT], trial: Trial, read: Measure, done: Sequence[Trial]) -> tuple[float, float] | None:
    """Return the value of a run at its full length and how unsure that is; None where it says nothing."""
    if trial.state not in (TrialState.COMPLETED, TrialState.PRUNED):
        return None
    reading = read(trial)
    if reading is None:
        return None
    if is_full(context, trial):
        return reading.value, 0.0
    gains = later_gains(trial, done, read)
    if not gains:
        return reading.value, 0.0
    return reading.value + float(np.median(gains)), float(np.var(gains))


def later_gains(trial: Trial, done: Sequence[Trial], read: Measure) -> list[float]:
    """Return what finished runs gained beyond the step that a run has reached: of its own schedule, or of any."""
    step = reached(trial)
    alike = [other for other in done if other.schedule == trial.schedule] or done
    return [gain for other in alike if (gain := _gain(other, step, read)) is not None]


def _gain(other: Trial, step: int, read: Measure) -> float | None:
    before, after = read_at(other, step, read), read(other)
    return after.value - before.value if before and after else None
