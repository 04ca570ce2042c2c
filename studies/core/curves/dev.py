"""The dev curve: its peak, the noise of that peak, and what its place says about the number of steps."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from studies.core.curves.smoothing import Values, default_window, smooth, smooth_values, usable
from studies.core.snapshot import Curve

LengthVerdict = Literal["too_long", "fine", "too_short"]

FEW = 8
"""Fewer evaluations are not averaged."""

MIN_STRETCH = 4
"""Fewest evaluations that say anything about their noise."""

TOO_LONG, TOO_SHORT = 0.10, 0.75
"""Best dev step in the first tenth, or in the last quarter (T)."""


def peak(dev: Curve, *, maximize: bool) -> tuple[int, float]:
    """Return step and value of the smoothed curve's best point; (0, NaN) where there is no finite value.

    The first of equals. Smoothing keeps a single lucky evaluation from being taken for the peak. Below eight
    evaluations it is the median of three alone: a mean over the steep part of a short curve would hold its length
    against it.
    """
    points = usable(dev)
    if not len(points):
        return 0, math.nan
    heights = _smoothed(points.values)
    best = _best(heights, maximize=maximize)
    return int(points.steps[best]), float(heights[best])


def dev_noise(dev: Curve, *, maximize: bool) -> float:
    """Return the standard error of the peak's value, infinite below four points.

    It is taken from how evaluations near the peak (half the curve around it) scatter about a straight line through
    their neighbours. All evaluations share one dev set, so the error from its size is not in it.
    """
    values = usable(dev).values
    if values.size < MIN_STRETCH:
        return math.inf
    bends = _bends(values, _best(_smoothed(values), maximize=maximize))
    deviation = float(np.mean(np.abs(bends))) * math.sqrt(math.pi / 2) / math.sqrt(6)
    return deviation / math.sqrt(_window(values.size))


def decay_start(peak_step: int) -> int:
    """Return the step at which a decay starts just before the old dev peak (G: 3,000 -> 2,700)."""
    return peak_step * 9 // 10


def length_verdict(dev: Curve, num_steps: int, *, maximize: bool) -> LengthVerdict:
    """Judge a finished run's length by the first step that comes within noise of its dev peak (T).

    In the first tenth: far too long. In the last quarter: lengthen, and tune the decay again. Fewer than four
    evaluations say neither.
    """
    step = plateau_step(dev, maximize=maximize)
    if step is None:
        return "fine"
    if step <= TOO_LONG * num_steps:
        return "too_long"
    return "too_short" if step >= TOO_SHORT * num_steps else "fine"


def plateau_step(dev: Curve, *, maximize: bool) -> int | None:
    """Return the first step that comes within noise of the dev peak: before it the metric still gains.

    None below four evaluations, which say nothing about their noise.
    """
    points = usable(dev)
    if len(points) < MIN_STRETCH:
        return None
    heights = _smoothed(points.values)
    error = dev_noise(dev, maximize=maximize)
    gaps = np.abs(heights - heights[_best(heights, maximize=maximize)])
    return int(points.steps[np.argmax(gaps <= error)])


def first_reached(dev: Curve, target: float, *, maximize: bool) -> int | None:
    """Return the first step at which the smoothed curve is at least as good as `target`, None where it never is."""
    if not len(dev):
        return None
    heights = smooth(dev).values
    reached = np.flatnonzero(heights >= target if maximize else heights <= target)
    return int(dev.steps[reached[0]]) if reached.size else None


def _smoothed(values: Values) -> Values:
    return smooth_values(values, _window(values.size))


def _window(count: int) -> int:
    return default_window(count) if count >= FEW else 1


def _best(heights: Values, *, maximize: bool) -> int:
    return int(np.argmax(heights) if maximize else np.argmin(heights))


def _bends(values: Values, best: int) -> Values:
    """Return the second differences in half the curve around the peak, in which straight stretches vanish."""
    length = max(MIN_STRETCH, values.size // 2)
    start = max(0, min(best - length // 2, values.size - length))
    return np.diff(values[start : start + length], 2)
