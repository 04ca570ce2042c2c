"""Depth, speed, noise and convergence of a training loss (guide, stage 1: fastest and deepest)."""

from __future__ import annotations

import math

import numpy as np

from studies.core.curves.smoothing import Values, default_window, despike, moving_mean, smooth_values, usable
from studies.core.snapshot import Curve

TAIL_SHARE = 10
"""Depth is read off the last tenth of a curve..."""

MIN_TAIL = 5
"""...or five points: fewer say nothing about noise."""

MIN_SCATTER_WINDOW = 9
"""A narrower mean follows the noise, and little scatter is left about it."""

CONVERGED_SHARE = 0.02
"""A curve has practically converged when less than this share of its whole fall is left."""

LAST_STRETCH = 4
"""Whether a curve still falls is read off its last quarter."""

MIN_STRETCH = 8
"""...or eight points."""

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
    if values.size < MIN_TAIL:
        return math.inf
    return _error_of_mean(_detrended(_last_quarter(values)), _tail(values.size))


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
    values = despike(usable(loss).values)
    if values.size < MIN_TAIL:
        return math.inf
    smoothed = moving_mean(values, max(MIN_SCATTER_WINDOW, default_window(values.size)))
    return _error_of_mean(values - smoothed, values.size)


def convergence_step(loss: Curve) -> int | None:
    """Return the step from which on the smoothed loss stays within 2 % of its whole fall above its final level.

    Where two standard errors of that level are more than those 2 %, they are the margin: nobody can see a fall below
    the noise. The fall starts at the first loss or the first smoothed one, whichever is less: a blow-up in the first
    updates is no achievement. None where the last quarter still falls by more than the margin, or the curve never fell.
    """
    points = usable(loss)
    if len(points) < MIN_TAIL:
        return None
    heights, floor, margin = smooth_values(points.values), depth(points), 2 * noise(points)
    if heights[0] - floor <= margin:
        return None
    starts = (start for start in (heights[0], points.values[0]) if start - floor > margin)
    fall = float(min(starts)) - floor
    margin = max(margin, CONVERGED_SHARE * fall)
    if _last_fall(heights) > margin:
        return None
    reached = int(np.flatnonzero(heights - floor > margin)[-1]) + 1
    return int(points.steps[reached]) if reached < len(points) else None


def num_steps_after(convergence: int, cap: int) -> int:
    """Return 1.5 times the convergence step, at most `cap`: later stages may delay it (G: 4,000 -> 6,000)."""
    return max(1, min(cap, math.ceil(1.5 * convergence)))


def _tail(count: int) -> int:
    return max(MIN_TAIL, count // TAIL_SHARE)


def _last_quarter(values: Values) -> Values:
    return values[-max(MIN_STRETCH, values.size // LAST_STRETCH) :]


def _last_fall(heights: Values) -> float:
    """Return how far the last quarter falls, by a straight line through it; negative where it rises."""
    stretch = _last_quarter(heights)
    return -2.0 * _slope(stretch)


def _slope(values: Values) -> float:
    """Return the slope of the least-squares line over positions from -1 to 1."""
    position = np.linspace(-1.0, 1.0, values.size)
    return float(np.sum(position * (values - np.mean(values))) / np.sum(position**2))


def _detrended(values: Values) -> Values:
    line = np.mean(values) + _slope(values) * np.linspace(-1.0, 1.0, values.size)
    return np.asarray(values - line)


def _error_of_mean(residuals: Values, count: int) -> float:
    """Return the standard error of a mean of `count` points whose noise is like these autocorrelated residuals.

    A first-order autoregression; its estimate from few points is too small by about (1 + 4 r) / n (Kendall, 1954).
    """
    square = float(np.sum(residuals**2))
    if square == 0.0:
        return 0.0
    raw = float(np.sum(residuals[1:] * residuals[:-1])) / square
    correlation = min(max(raw + (1 + 4 * raw) / residuals.size, 0.0), MOST_CORRELATED)
    independent = count * (1 - correlation) / (1 + correlation)
    return math.sqrt(square / (residuals.size - 2) / independent)
