"""Curves on their way into a figure: thinned to what a screen can show, with gaps where a value is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.contract.views import TrialView
from studies.core.curves import minmax_thin, smooth
from studies.core.snapshot import Curve

POINTS_OF_A_FIGURE = 24_000
"""Points that all curves of a figure may have together: with more, another metric takes too long to be read, sent and
drawn for a touch. Zoomed in, there are as many for the part that is looked at.
"""

_FEWEST, _MOST = 60, 800

_DIGITS = 5
"""Significant digits of a line: more than a screen has, and half the bytes of all."""

_USUAL = (1e-30, 1e30)
"""Sizes that are rounded: beyond, the scale itself would overflow."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """A curve ready to draw: ``steps`` and ``values`` of equal length, None for a gap.

    Steps are whole numbers until `axes.on_axis` puts the curve over something else.
    """

    steps: tuple[float, ...]
    values: tuple[float | None, ...]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def finite(self) -> tuple[float, ...]:
        return tuple(value for value in self.values if value is not None)


def points_each(curves: int, spent: int = 0) -> int:
    """Return how many points each of so many curves may have, where others have `spent` already."""
    return max(_FEWEST, min(_MOST, (POINTS_OF_A_FIGURE - spent) // max(1, curves)))


def gaps(values: Iterable[float]) -> tuple[float | None, ...]:
    """Return `values` with None for NaN and the infinities, which JSON cannot say and Plotly draws as a gap."""
    return tuple(value if math.isfinite(value) else None for value in values)


def series(curve: Curve, points: int, *, exact: bool = True) -> Series:
    """Return at most about `points` points of `curve`; minimum and maximum survive, `rounded` unless `exact`."""
    thinned = minmax_thin(curve, points)
    values = thinned.values if exact else rounded(thinned.values)
    return Series(tuple(thinned.steps.tolist()), gaps(values.tolist()))


def rounded(values: Values) -> Values:
    """Return `values` with `_DIGITS` significant digits, those outside `_USUAL` as they are."""
    size = np.abs(values)
    usual = (size > _USUAL[0]) & (size < _USUAL[1])
    exponents = np.floor(np.log10(size, where=usual, out=np.zeros_like(values)))
    scale = 10.0 ** (_DIGITS - 1 - exponents)
    return np.where(usual, np.rint(np.where(usual, values, 0.0) * scale) / scale, values)


def smoothed(curve: Curve, strength: int, points: int) -> Series:
    """Return `curve` smoothed, then thinned; `strength` from 0 (as it is) to 100 (a window of a third of the curve)."""
    window = max(1, round(len(curve) * strength / 300))
    return series(smooth(curve, window) if window > 1 else curve, points)


def final_value(curve: Curve) -> float | None:
    """Return the smoothed curve's last finite value, None where there is none."""
    if not len(curve):
        return None
    finite = smooth(curve).values
    finite = finite[np.isfinite(finite)]
    return float(finite[-1]) if finite.size else None


def by_number(trials: Iterable[TrialView]) -> list[TrialView]:
    return sorted(trials, key=lambda trial: trial.number)
