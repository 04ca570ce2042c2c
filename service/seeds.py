"""One configuration with several seeds: how far apart its runs come out. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from service.figures.readings import trial_score
from service.format import count, number, words
from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView


@dataclass(frozen=True)
class SeedRow:
    """A trial; ``score`` is its best value of the study's metric, None while it has none."""

    trial: TrialView
    score: float | None
    here: bool


@dataclass(frozen=True)
class Seeds:
    """Trials of one configuration, by number, and their scores in a sentence; ``ids`` is the list to compare them."""

    rows: tuple[SeedRow, ...]
    sentence: str
    ids: str


def seeds_of(trial: TrialView, same: Sequence[TrialView], metric: Metric) -> Seeds | None:
    """Return `trial` among those of the `same` configuration, None where it is the only one."""
    if len(same) <= 1:
        return None
    rows = tuple(SeedRow(each, trial_score(each, metric), each.id == trial.id) for each in same)
    ended = [row.score for row in rows if row.score is not None and row.trial.state is TrialState.COMPLETED]
    return Seeds(rows, spread(ended, words(metric.name)), ",".join(row.trial.id for row in rows))


def spread(scores: Sequence[float], name: str) -> str:
    """Return mean, standard deviation (of a sample) and number of the finite `scores` in a sentence."""
    finite = [score for score in scores if math.isfinite(score)]
    if not finite:
        return f"None of them has a {name} yet."
    if len(finite) == 1:
        return f"One of them has ended, with a {name} of {number(finite[0])}."
    mean, deviation = statistics.fmean(finite), statistics.stdev(finite)
    return (
        f"{name.capitalize()} is {number(mean)} on the mean of {count(len(finite), 'run')}, with a standard deviation "
        f"of {number(deviation, 2)}; from {number(min(finite))} to {number(max(finite))}."
    )
