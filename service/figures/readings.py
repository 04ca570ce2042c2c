"""What a run came to, read as the decisions read it: the peak of its smoothed dev curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import TrialView
from studies.core.curves import dev_noise, peak
from studies.core.judging import has_values, upto
from studies.core.snapshot import Curve


@dataclass(frozen=True)
class Reading:
    """``value`` in the metric's own direction; ``error`` is its standard error by the curve's own noise, if known."""

    value: float
    error: float | None


def trial_score(trial: TrialView, metric: Metric) -> float | None:
    """Return the best value of the study's metric; None without one, and for trials that diverged."""
    summary = trial.metrics.get(metric.name)
    if summary is None or trial.state is TrialState.DIVERGED:
        return None
    best = summary.maximum if metric.direction == "maximize" else summary.minimum
    return best if math.isfinite(best) else None


def read_dev(dev: Curve, metric: Metric, step: int | None = None) -> Reading | None:
    """Return the peak of a dev curve up to and with `step` (all of it where that is None), None without a value."""
    part, maximize = upto(dev, step), metric.direction == "maximize"
    if not has_values(part):
        return None
    error = dev_noise(part, maximize=maximize)
    return Reading(peak(part, maximize=maximize)[1], error if math.isfinite(error) else None)


def dev_score(trial: TrialView, dev: Curve | None, metric: Metric) -> float | None:
    """Return what decisions say of a run; its best value as it was reported, where its curve is not at hand."""
    if trial.state is TrialState.DIVERGED:
        return None
    reading = read_dev(dev, metric) if dev is not None else None
    return reading.value if reading else trial_score(trial, metric)


def better(first: float, second: float, metric: Metric) -> float:
    return max(first, second) if metric.direction == "maximize" else min(first, second)


def rank(score: float | None, metric: Metric) -> float:
    """Return what grows as a score gets better; the lowest of all for none."""
    if score is None:
        return -math.inf
    return score if metric.direction == "maximize" else -score


FAR = 2.0
"""A score that is worse than the median by more than so many times what the best is better would rule its axis."""


def bounds(scores: Sequence[float], metric: Metric) -> tuple[float, float]:
    """Return the lowest and highest score that an axis has to show: far worse ones stand at its edge.

    `scores` has one at least.
    """
    low, high, middle = min(scores), max(scores), float(np.median(scores))
    if metric.direction == "maximize":
        low = max(low, middle - FAR * (high - middle)) if high > middle else low
    else:
        high = min(high, middle + FAR * (middle - low)) if middle > low else high
    return low, high
