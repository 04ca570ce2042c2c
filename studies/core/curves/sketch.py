"""A running thinned curve: few points that stand for all so far, brought up to date from the new points alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studies.core.snapshot import Curve

BUCKETS = 32
"""Most buckets of a sketch; each keeps its lowest and its highest point, so that it has about 64 points at most."""

Indices = NDArray[np.intp]


def sketch(curve: Curve) -> Curve:
    """Return the curve thinned for drawing: lowest and highest point of each bucket of steps, and both ends.

    A bucket is 2^k steps wide, aligned at step 0, with the smallest k that needs at most `BUCKETS` of them. Narrow
    buckets nest in wide ones, so a sketch can be continued: ``sketch(a + b) == sketch(sketch(a) + b)`` wherever the
    curve is cut. A bucket without a finite value keeps its first point: a gap stays visible. Values have single
    precision; what that cannot hold becomes infinite, which is drawn as a gap.
    """
    if not len(curve):
        return curve
    values = _single(curve.values)
    buckets = curve.steps >> _width(int(curve.steps[0]), int(curve.steps[-1]))
    kept = np.zeros(values.size, np.bool_)
    finite = np.isfinite(values)
    if finite.all():
        kept[_extremes(buckets, values)] = True
    else:
        sound = np.flatnonzero(finite)
        kept[sound[_extremes(buckets[sound], values[sound])]] = True
        kept[_without(buckets, buckets[sound])] = True
    kept[0] = kept[-1] = True
    return Curve(curve.steps[kept], values[kept].astype(np.float64))


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _width(first: int, last: int) -> int:
    """Return k: buckets are 2^k steps wide."""
    width = 0
    while (last >> width) - (first >> width) >= BUCKETS:
        width += 1
    return width


def _extremes(buckets: NDArray[np.int64], values: NDArray[np.float32]) -> Indices:
    """Return the indices of the lowest and the highest point of each bucket: the first and the last of equal ones."""
    order = np.lexsort((values, buckets))
    last = np.flatnonzero(buckets[1:] != buckets[:-1])
    return np.concatenate((order[:1], order[last], order[last + 1], order[-1:]))


def _without(buckets: NDArray[np.int64], others: NDArray[np.int64]) -> Indices:
    """Return the index of the first point of each bucket that is not among `others`."""
    alone, first = np.unique(buckets, return_index=True)
    return first[~np.isin(alone, others)]
