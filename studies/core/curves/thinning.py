"""Fewer points that look the same, and one curve from the attempts of a trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from studies.core.snapshot import Curve

MIN_POINTS = 4
"""First, last, lowest and highest point are always kept."""


def thin(curve: Curve, points: int) -> Curve:
    """Return at most `points` of the curve's points, log-spaced: dense where a learning curve is steep.

    First, last, lowest and highest (finite) point are kept.

    Raises:
        ValueError: fewer than 4 points are asked for.
    """
    if len(curve) <= _at_least_four(points):
        return curve
    spaced = np.rint(np.geomspace(1, len(curve), points - 2)).astype(np.int64) - 1
    return _take(curve, np.concatenate((spaced, _extremes(curve.values, 1))))


def minmax_thin(curve: Curve, points: int) -> Curve:
    """Return at most `points` points: the lowest and highest of equal buckets, and both ends. For drawing.

    Noise and spikes look as they do with all points. A bucket without a finite value keeps a point of it, so that a
    long gap stays visible.

    Raises:
        ValueError: fewer than 4 points are asked for.
    """
    if len(curve) <= _at_least_four(points):
        return curve
    ends = np.array([0, len(curve) - 1])
    return _take(curve, np.concatenate((ends, _extremes(curve.values, (points - 2) // 2))))


def merge_attempts(parts: Sequence[tuple[int, Curve]]) -> Curve:
    """Return one curve from a trial's attempts in order, each with the number of steps it had behind it at its start.

    A later attempt supersedes all earlier points beyond that step, and those at steps that it reports itself. A run
    resumed after 300 updates says 301 next, so what was measured at 300 stays.
    """
    merged = Curve.empty()
    for started_from, part in parts:
        old = (merged.steps <= started_from) & ~np.isin(merged.steps, part.steps)
        steps = np.concatenate((merged.steps[old], part.steps))
        values = np.concatenate((merged.values[old], part.values))
        order = np.argsort(steps, kind="stable")
        merged = Curve(steps[order], values[order])
    return merged


def _at_least_four(points: int) -> int:
    if points < MIN_POINTS:
        raise ValueError(f"ask for at least {MIN_POINTS} points, not {points}: ends, minimum and maximum are kept")
    return points


def _take(curve: Curve, indices: NDArray[np.int64]) -> Curve:
    kept = np.unique(indices)
    return Curve(curve.steps[kept], curve.values[kept])


def _extremes(values: NDArray[np.float64], buckets: int) -> NDArray[np.int64]:
    """Return the indices of each bucket's lowest and highest finite value; its first point where there is none."""
    width = -(-values.size // buckets)
    padded = np.full(-(-values.size // width) * width, np.nan)
    padded[: values.size] = values
    rows = padded.reshape(-1, width)
    finite = np.isfinite(rows)
    first = np.arange(len(rows)) * width
    lowest = np.where(finite, rows, np.inf).argmin(axis=1)
    highest = np.where(finite, rows, -np.inf).argmax(axis=1)
    return np.concatenate((first + lowest, first + highest))
