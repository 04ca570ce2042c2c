"""Smoothing: a running median of three, then a centred moving mean.

The median of three takes out a single spike of any size and leaves whatever rises or falls steadily as it is, so one
bad batch cannot decide a comparison; the mean then averages the batch noise. A centred window has no lag, so steps
read off a smoothed curve (convergence, peak) are not late. At the ends the window is cut off: the first and the last
value are means of half a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studies.core.snapshot import Curve

Values = NDArray[np.float64]

HUGE = 1e100
"""A value as large as this is a gap like Inf: no loss means it, and sums of what is smaller cannot overflow."""

MIN_WINDOW, MAX_WINDOW = 3, 501
WINDOW_SHARE = 20
"""The window is a twentieth of the curve: narrow against the shape of a learning curve, wide against its noise."""


def usable(curve: Curve) -> Curve:
    """Return the points with a finite value (and not a huge one)."""
    kept = np.abs(curve.values) < HUGE
    return curve if kept.all() else Curve(curve.steps[kept], curve.values[kept])


def smooth(curve: Curve, window: int | None = None) -> Curve:
    """Return the smoothed curve at the same steps. A gap stays a gap (NaN) and takes no part in its neighbours.

    Args:
        curve: n points.
        window: points of the moving mean, made odd; None takes a twentieth of the curve, 3 to 501 points.
    """
    points = usable(curve)
    values = np.full(len(curve), np.nan)
    values[np.isin(curve.steps, points.steps)] = smooth_values(points.values, window)
    return Curve(curve.steps, values)


def smooth_values(values: Values, window: int | None = None) -> Values:
    """Smooth finite values of shape [n]; see the module."""
    return moving_mean(despike(values), window or default_window(values.size))


def default_window(count: int) -> int:
    return min(max(count // WINDOW_SHARE, MIN_WINDOW), MAX_WINDOW)


def moving_mean(values: Values, window: int) -> Values:
    """Return the mean over each point's centred window of 2 * (window // 2) + 1 points, cut off at the ends."""
    half = min(window // 2, max(values.size - 1, 0))
    if half == 0:
        return values
    kernel = np.ones(2 * half + 1)
    sums = np.convolve(values, kernel)[half:-half]
    counts = np.convolve(np.ones(values.size), kernel)[half:-half]
    return np.asarray(sums / counts)


def despike(values: Values) -> Values:
    """Return the running median of three; the ends by Tukey's rule, which takes out a spike there as well.

    Tukey's rule: the median of the end, its neighbour and the line through the next two (Exploratory Data Analysis).
    """
    if values.size < MIN_WINDOW:
        return values
    inner = median_of_three(values[:-2], values[1:-1], values[2:])
    if inner.size == 1:
        return np.concatenate((values[:1], inner, values[-1:]))
    first = median_of_three(values[:1], inner[:1], 3 * inner[:1] - 2 * inner[1:2])
    last = median_of_three(values[-1:], inner[-1:], 3 * inner[-1:] - 2 * inner[-2:-1])
    return np.concatenate((first, inner, last))


def median_of_three(a: Values, b: Values, c: Values) -> Values:
    return np.asarray(np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c)))
