"""A running thinned curve: few points that stand for all so far, brought up to date from the new points alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studies.core.curves.ragged import Ragged
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
    return sketches(Ragged.of([curve])).curves()[0] if len(curve) else curve


def sketches(curves: Ragged) -> Ragged:
    """Return the sketch of each of `curves`."""
    values = _single(curves.values)
    buckets = _buckets(curves)
    kept = np.zeros(values.size, np.bool_)
    finite = np.isfinite(values)
    if finite.all():
        kept[_extremes(buckets, values)] = True
    else:
        sound = np.flatnonzero(finite)
        kept[sound[_extremes(buckets[sound], values[sound])]] = True
        kept[_without(buckets, buckets[sound])] = True
    kept[curves.starts] = kept[curves.ends - 1] = True
    lengths = np.add.reduceat(kept, curves.starts, dtype=np.int64)
    return Ragged(curves.steps[kept], values[kept].astype(np.float64), lengths)


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _buckets(curves: Ragged) -> NDArray[np.int64]:
    """Return the bucket of each point, numbered from one through all curves: int64 [n], never falling."""
    widths = _widths(curves.steps[curves.starts], curves.steps[curves.ends - 1])
    own = curves.steps >> np.repeat(widths, curves.lengths)
    new = np.ones(own.size, np.bool_)
    new[1:] = own[1:] != own[:-1]
    new[curves.starts] = True
    return np.cumsum(new)


def _widths(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return k for each curve: its buckets are 2^k steps wide."""
    widths = np.zeros_like(first)
    while (too_many := (last >> widths) - (first >> widths) >= BUCKETS).any():
        widths += too_many
    return widths


def _extremes(buckets: NDArray[np.int64], values: NDArray[np.float32]) -> Indices:
    """Return the indices of the lowest and the highest point of each bucket: the first and the last of equal ones."""
    order = np.lexsort((values, buckets))
    last = np.flatnonzero(buckets[1:] != buckets[:-1])
    return np.concatenate((order[:1], order[last], order[last + 1], order[-1:]))


def _without(buckets: NDArray[np.int64], others: NDArray[np.int64]) -> Indices:
    """Return the index of the first point of each bucket that is not among `others`."""
    alone, first = np.unique(buckets, return_index=True)
    return first[~np.isin(alone, others)]
