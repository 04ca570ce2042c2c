"""All curves that stand in grey behind the others, as one series: put together in arrays, for there are hundreds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.figures.series import Series, rounded
from studies.core.snapshot import Curve

Values = NDArray[np.float64]


def background(curves: Sequence[Curve], strength: int = 0) -> Series:
    """Return the thinned `curves` as one series with a gap behind each.

    ``strength`` from 0 (as they are) to 100 (each point a mean over a third of its curve), as `series.smoothed` has it.
    """
    if not curves:
        return Series((), ())
    owners = np.repeat(np.arange(len(curves)), [len(curve) + 1 for curve in curves])
    steps = np.concatenate([part for curve in curves for part in (curve.steps, curve.steps[-1:])])
    values = np.concatenate([part for curve in curves for part in (curve.values, [np.nan])])
    longest = max(len(curve) for curve in curves)
    smooth = rounded(_means(values, owners, round(longest * strength / 300) // 2))
    shown: list[float | None] = smooth.astype(object).tolist()
    for gap in np.flatnonzero(~np.isfinite(smooth)).tolist():
        shown[gap] = None
    return Series(tuple(steps.tolist()), tuple(shown))


def _means(values: Values, owners: NDArray[np.int64], half: int) -> Values:
    """Return the mean of each finite value and those at most `half` places from it in the same curve."""
    finite = np.isfinite(values)
    sums, counts = np.where(finite, values, 0.0), finite.astype(np.float64)
    sound, one = sums.copy(), counts.copy()
    for distance in range(1, half + 1):
        same = owners[distance:] == owners[:-distance]
        sums[distance:] += same * sound[:-distance]
        counts[distance:] += same * one[:-distance]
        sums[:-distance] += same * sound[distance:]
        counts[:-distance] += same * one[distance:]
    return np.where(finite, sums / np.maximum(counts, 1.0), np.nan)
