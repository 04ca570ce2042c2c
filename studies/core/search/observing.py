"""What the model is told: every run of the study so far as a point with a value, and what is still under way.

A run that was stopped enters at its value plus the median later gain of the runs that went on (guide, section 7): left
out, the model would come back to where it has been; at its value alone, a late decay would look bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studies.contract.schedule import Schedule
from studies.contract.states import TrialState
from studies.core.context import Context, StageT
from studies.core.search.budget import reached
from studies.core.search.dimensions import Values
from studies.core.search.gains import later_gains
from studies.core.search.lengths import full_length
from studies.core.search.space import SearchSpace
from studies.core.search.standing import finished, is_full, reader
from studies.core.snapshot import Trial


SPREAD = 0.0


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
    trials = context.snapshot.trials
    known = _values(context)
    worst = min((value for value, _ in known.values()), default=0.0)
    lost = {trial.id: (worst, 0.0) for trial in trials if trial.state is TrialState.DIVERGED}
    told = {**known, **lost}
    seen = [trial for trial in trials if trial.id in told]
    return Observations(
        points=_points(context, space, seen),
        values=np.array([told[trial.id][0] for trial in seen]),
        spread=np.array([told[trial.id][1] for trial in seen]),
        pending=_points(context, space, [trial for trial in trials if not trial.state.ended]),
    )


def _points(context: Context[StageT], space: SearchSpace, trials: Sequence[Trial]) -> Values:
    rows = [space.point(t.params, t.schedule, full_length(context.spec, t.params)) for t in trials]
    return np.array(rows).reshape(len(rows), len(space))


def _values(context: Context[StageT]) -> dict[str, tuple[float, float]]:
    """Return by trial the value of a run at its full length, and the variance of what is only expected of it."""
    read, expected = reader(context), _Expected(context)
    ended = [t for t in context.snapshot.trials if t.state in (TrialState.COMPLETED, TrialState.PRUNED)]
    readings = ((trial, read(trial)) for trial in ended)
    return {trial.id: expected(trial, reading.value) for trial, reading in readings if reading is not None}


class _Expected:
    """Adds to a stopped run's value the median later gain of the finished runs of its schedule, or of any."""

    def __init__(self, context: Context[StageT]) -> None:
        self._context = context
        self._read, self._done = reader(context), finished(context)
        self._known: dict[tuple[Schedule, int], list[float]] = {}

    def __call__(self, trial: Trial, value: float) -> tuple[float, float]:
        if is_full(self._context, trial):
            return value, 0.0
        gains = self._gains(trial.schedule, reached(trial))
        return (value + float(np.median(gains)), SPREAD * float(np.var(gains))) if gains else (value, 0.0)

    def _gains(self, schedule: Schedule, step: int) -> list[float]:
        if (schedule, step) not in self._known:
            alike = [trial for trial in self._done if trial.schedule == schedule] or self._done
            self._known[schedule, step] = later_gains(alike, step, self._read)
        return self._known[schedule, step]
