"""What the sampler of a search learns from: its own points, and the earlier runs that lie in its space."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from studies.contract.base import Params
from studies.contract.states import TrialState
from studies.contract.study_file import SamplerSearch
from studies.core.contest import judged_by
from studies.core.context import Context
from studies.core.repeating import REPEAT
from studies.core.sampling import Observation
from studies.core.search.budget import reached
from studies.core.search.dimensions import Dimension
from studies.core.search.standing import finished, identity, ran_out, reader
from studies.core.snapshot import LOSS, Trial
from studies.core.stages.search.space import place, varied


def points(context: Context[SamplerSearch]) -> list[tuple[Trial, ...]]:
    """Return the runs of each point that was asked for, one a seed, the points in the order of the search."""
    return [tuple(runs) for _, runs in groupby(context.trials, key=lambda trial: trial.key.split(REPEAT)[0])]


def observations(context: Context[SamplerSearch], dimensions: Sequence[Dimension]) -> tuple[Observation, ...]:
    """Return what is known of the space, higher scores being better: earlier runs first, then the search's points.

    A point that diverged counts as bad as the worst that did not, one that was stopped with its last value.
    """
    read, asked = reader(context), points(context)
    values = {trial.id: reading.value for trial in _ended_well(context) if (reading := read(trial))}
    worst = min(values.values(), default=None)

    def observed(runs: Sequence[Trial]) -> Observation:
        at, scores = coordinates(runs[0].params, dimensions), [values[t.id] for t in runs if t.id in values]
        if any(not trial.state.ended for trial in runs):
            return Observation(at, None)
        if scores:
            return Observation(at, float(np.mean(scores)))
        if any(trial.state is TrialState.DIVERGED for trial in runs):
            return Observation(at, worst)
        return _stopped(context, at, runs)

    earlier = [
        Observation(coordinates(t.params, dimensions), values[t.id]) for t in _earlier(context, dimensions, values)
    ]
    return (*earlier, *map(observed, asked))


def coordinates(params: Params, dimensions: Sequence[Dimension]) -> Params:
    """Return where a configuration stands on the axes, those left out that do not count under it."""
    return {each.name: place(each, params[each.name]) for each in dimensions if each.name in params}


def _ended_well(context: Context[SamplerSearch]) -> list[Trial]:
    own = [t for t in context.trials if t.state is TrialState.COMPLETED or ran_out(context, t)]
    return [*own, *(trial for trial in finished(context) if trial.stage != context.stage.kind)]


def _earlier(context: Context[SamplerSearch], dimensions: Sequence[Dimension], known: dict[str, float]) -> list[Trial]:
    """Return the runs of earlier stages that differ from a point of this search in nothing that does not move."""
    moves = {each.name for each in dimensions}

    def inside(trial: Trial) -> bool:
        same = varied(context, {name: value for name, value in trial.params.items() if name in moves})
        return identity(trial) == (tuple(sorted(same.params.items())), same.schedule)

    return [t for t in context.snapshot.trials if t.stage != context.stage.kind and t.id in known and inside(t)]


def _stopped(context: Context[SamplerSearch], at: Params, runs: Sequence[Trial]) -> Observation:
    """Return a point that was stopped: the last value of the run that came furthest; nothing of one that failed."""
    name = judged_by(context, context.trials)
    sign = 1 if context.maximize and name != LOSS else -1
    seen = [t for t in runs if t.state is TrialState.PRUNED and np.isfinite(t.curve(name).values).any()]
    if not seen:
        return Observation(at, None)
    furthest = max(seen, key=reached)
    values = furthest.curve(name).values
    return Observation(at, sign * float(values[np.isfinite(values)][-1]), stopped_at=reached(furthest))
