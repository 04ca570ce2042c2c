"""Depth, speed, noise and convergence of a training loss (guide, stage 1: fastest and deepest)."""

from __future__ import annotations

import math

import numpy as np

from studies.core.curves.smoothing import Values, despike, smooth_values, usable
from studies.core.snapshot import Curve

TAIL_SHARE = 10
"""Depth is read off the last tenth of a curve..."""

MIN_TAIL = 5
"""...or five points: fewer say nothing about noise."""

CONVERGED_SHARE = 0.02
"""A curve has practically converged when less than this share of its whole fall is left."""

LAST_STRETCH = 4
"""Whether a curve still falls is read off its last quarter."""

MOST_CORRELATED = 0.95
"""Bound on the lag-one autocorrelation of the noise, so that a short tail cannot claim to know nothing."""


def depth(loss: Curve) -> float:
    """Return the low end of a loss: the mean of its last tenth, single spikes aside; infinite without points."""
    values = usable(loss).values
    return float(np.mean(despike(values)[-_tail(values.size) :])) if values.size else math.inf


def noise(curve: Curve) -> float:
    """Return the standard error of `depth` from the curve's own tail; infinite below five points.

    The tail is detrended, so a slope is not taken for noise, and its autocorrelation r counts as if each point were
    worth (1 - r) / (1 + r) of an independent one. It speaks for this run alone: what another seed would give is known
    from repeats only (guide, stage 1, T).
    """
    values = despike(usable(curve).values)
    return _standard_error(values[-_tail(values.size) :])


def area(loss: Curve) -> float:
    """Return the area under the smoothed loss with the steps scaled to [0, 1]: small is fast. Infinite if empty.

    It is the mean height of the curve, in units of the loss, so runs of different length can be compared.
    """
    points = usable(loss)
    if not len(points):
        return math.inf
    heights = smooth_values(points.values)
    widths = np.diff(points.steps)
    if not widths.size:
        return float(heights[0])
    return float(np.sum((heights[1:] + heights[:-1]) / 2 * widths) / np.sum(widths))


def area_noise(loss: Curve) -> float:
    """Return the standard error of `area` from the scatter about the smoothed curve; infinite below five points."""
    values = usable(loss).values
    if values.size < MIN_TAIL:
        return math.inf
    return _error_of_mean(despike(values) - smooth_values(values))


def convergence_step(loss: Curve) -> int | None:
    """Return the step from which on the smoothed loss stays within 2 % of its whole fall above its final level.

    Where two standard errors of that level are more than those 2 %, they are the margin: nobody can see a fall below
    the noise. None where the last quarter still falls by more than the margin, or where the curve never fell.
    """
    points = usable(loss)
    if len(points) < MIN_TAIL:
        return None
    heights = smooth_values(points.values)
    fall, margin = heights[0] - depth(points), 2 * noise(points)
    if fall <= margin:
        return None
    margin = max(margin, CONVERGED_SHARE * fall)
    if _last_fall(heights) > margin:
        return None
    above = np.flatnonzero(heights > depth(points) + margin)
    return int(points.steps[above[-1] + 1]) if above[-1] + 1 < len(points) else None


def num_steps_after(convergence: int, cap: int) -> int:
    """Return 1.5 times the convergence step, at most `cap`: later stages may delay it (G: 4,000 -> 6,000)."""
    return max(1, min(cap, math.ceil(1.5 * convergence)))


def _tail(count: int) -> int:
    return max(MIN_TAIL, count // TAIL_SHARE)


def _last_fall(heights: Values) -> float:
    """Return how far the last quarter falls, by a straight line through it; negative where it rises."""
    stretch = heights[-max(MIN_TAIL, heights.size // LAST_STRETCH) :]
    slope = np.polynomial.polynomial.polyfit(np.arange(stretch.size), stretch, 1)[1]
    return float(-slope * (stretch.size - 1))


def _standard_error(values: Values) -> float:
    if values.size < MIN_TAIL:
        return math.inf
    position = np.linspace(-1.0, 1.0, values.size)
    centred = values - np.mean(values)
    slope = np.sum(position * centred) / np.sum(position**2)
    return _error_of_mean(centred - slope * position)


def _error_of_mean(residuals: Values) -> float:
    """Return the standard error of the mean of autocorrelated residuals (first-order autoregressive)."""
    square = float(np.sum(residuals**2))
    if square == 0.0:
        return 0.0
    correlation = min(max(float(np.sum(residuals[1:] * residuals[:-1])) / square, 0.0), MOST_CORRELATED)
    independent = residuals.size * (1 - correlation) / (1 + correlation)
    return math.sqrt(square / (residuals.size - 2) / independent)
