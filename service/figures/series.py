"""Curves on their way into a figure: thinned to what a screen can show, with gaps where a value is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from studies.contract.views import TrialView
from studies.core.curves import minmax_thin, smooth
from studies.core.snapshot import Curve

POINTS_OF_A_FIGURE = 40_000
"""Points that all curves of a figure may have together: with more, Plotly takes beyond 100 ms to draw them anew."""

_FEWEST, _MOST = 60, 800


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


def series(curve: Curve, points: int) -> Series:
    """Return at most about `points` points of `curve`; minimum and maximum survive."""
    thinned = minmax_thin(curve, points)
    return Series(tuple(thinned.steps.tolist()), gaps(thinned.values.tolist()))


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
