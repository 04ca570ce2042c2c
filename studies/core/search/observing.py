"""What the model is told: what every run of the study has shown, as points with values, and what is under way.

A run is told as it stood at every rung that it has passed, and at its end: those that were stopped still say what they
did on the way, and those that went on say how much that was worth. On the way a value counts with the median later gain
of the runs that went on (guide, section 7): at its value alone, a late decay would look bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from studies.contract.states import TrialState
from studies.core.context import Context, StageT
from studies.core.search.budget import reached
from studies.core.search.dimensions import Values
from studies.core.search.gains import alike, later_gains
from studies.core.search.lengths import full_length, rungs
from studies.core.search.space import SearchSpace, start_share
from studies.core.search.standing import finished, is_full, read_at, reader
from studies.core.snapshot import Trial

SILENT = (TrialState.WAITING, TrialState.FAILED, TrialState.DIVERGED)
"""States of runs whose readings say nothing of how good their configuration is."""


@dataclass(frozen=True)
class Observations:
    """Points of the space, shape [n, d], with values [n], higher is better.

    Attributes:
        points: where runs were; one that has passed several rungs stands here several times.
        shares: of its length that the run had behind it, in (0, 1], shape [n].
        values: what it had come to by then, and may be expected to gain until its end.
        pending: points whose runs are under way, shape [p, d].
    """

    points: Values
    shares: Values
    values: Values
    pending: Values


@dataclass(frozen=True)
class _Row:
    trial: Trial
    share: float
    value: float


def observe(context: Context[StageT], space: SearchSpace) -> Observations:
    """Return all that the study's runs say about the space; one that diverged is as bad as the worst that did not."""
    rows = list(_rows(context))
    worst = min((row.value for row in rows), default=0.0)
    lost = [trial for trial in context.snapshot.trials if trial.state is TrialState.DIVERGED]
    rows += [_Row(trial, 1.0, worst) for trial in lost]
    return Observations(
        points=points(context, space, [row.trial for row in rows]),
        shares=np.array([row.share for row in rows]),
        values=np.array([row.value for row in rows]),
        pending=points(context, space, [trial for trial in context.snapshot.trials if not trial.state.ended]),
    )


def points(context: Context[StageT], space: SearchSpace, trials: Sequence[Trial]) -> Values:
    """Return the points of some runs, shape [n, d]."""
    rows = [space.point(t.params, t.schedule, full_length(context.spec, t.params)) for t in trials]
    return np.array(rows).reshape(len(rows), len(space))


def _rows(context: Context[StageT]) -> Iterator[_Row]:
    read, gains = reader(context), _Gains(context)
    for trial in context.snapshot.trials:
        if trial.state in SILENT:
            continue
        length, far = full_length(context.spec, trial.params), reached(trial)
        for rung in rungs(context.spec, length)[:-1]:
            if rung <= far and (reading := read_at(trial, rung, read)):
                yield _Row(trial, rung / length, reading.value + gains.later(trial, rung / length))
        if is_full(context, trial) and (reading := read(trial)):
            yield _Row(trial, 1.0, reading.value)


class _Gains:
    """The median later gain beyond a share, for each beginning of a decay looked up once: thousands of runs ask."""

    def __init__(self, context: Context[StageT]) -> None:
        self._spec = context.spec
        self._read = reader(context)
        self._done = finished(context)
        self._known: dict[tuple[float, float], float] = {}

    def later(self, trial: Trial, share: float) -> float:
        """Return what may be expected of a run beyond a share of its length: by runs alike where there are any."""
        length = full_length(self._spec, trial.params)
        key = start_share(trial.schedule, length), share
        if key not in self._known:
            peers = alike(self._done, trial.schedule, length) or self._done
            self._known[key] = float(np.median(later_gains(peers, share, self._read) or [0.0]))
        return self._known[key]
