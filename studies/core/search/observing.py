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
from studies.core.search.budget import reached
from studies.core.search.dimensions import Values
from studies.core.search.gains import alike, later_gains
from studies.core.search.lengths import full_length
from studies.core.search.space import SearchSpace, start_share
from studies.core.search.standing import finished, is_full, reader
from studies.core.snapshot import Trial


@dataclass(frozen=True)
class Observations:
    """Points of the space, shape [n, d], with values [n], higher is better.

    Attributes:
        points, values: of runs that have ended.
        pending: points whose runs are under way, shape [p, d].
    """

    points: Values
    values: Values
    pending: Values


def observe(context: Context[StageT], space: SearchSpace) -> Observations:
    """Return all that the study's runs say about the space."""
    trials = context.snapshot.trials
    known = _values(context)
    worst = min(known.values(), default=0.0)
    told = {**known, **{trial.id: worst for trial in trials if trial.state is TrialState.DIVERGED}}
    seen = [trial for trial in trials if trial.id in told]
    return Observations(
        points=_points(context, space, seen),
        values=np.array([told[trial.id] for trial in seen]),
        pending=_points(context, space, [trial for trial in trials if not trial.state.ended]),
    )


def _points(context: Context[StageT], space: SearchSpace, trials: Sequence[Trial]) -> Values:
    rows = [space.point(t.params, t.schedule, full_length(context.spec, t.params)) for t in trials]
    return np.array(rows).reshape(len(rows), len(space))


def _values(context: Context[StageT]) -> dict[str, float]:
    """Return by trial the value of a run at its full length: its own, or what is expected of one that was stopped."""
    read, done = reader(context), finished(context)
    gains: dict[tuple[float, float], float] = {}

    def later(trial: Trial) -> float:
        length = full_length(context.spec, trial.params)
        key = start_share(trial.schedule, length), reached(trial) / length
        if key not in gains:
            peers = alike(done, trial.schedule, length) or done
            gains[key] = float(np.median(later_gains(peers, key[1], read) or [0.0]))
        return gains[key]

    ended = [t for t in context.snapshot.trials if t.state in (TrialState.COMPLETED, TrialState.PRUNED)]
    readings = [(trial, reading.value) for trial in ended if (reading := read(trial)) is not None]
    return {trial.id: value if is_full(context, trial) else value + later(trial) for trial, value in readings}
