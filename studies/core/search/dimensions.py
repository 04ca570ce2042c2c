"""One hyperparameter as a coordinate in [0, 1]: on which scale it is searched, and which values it can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from studies.contract.base import Scalar

Values = NDArray[np.float64]
Scale = Literal["linear", "log", "complement"]
"""``complement`` is the scale of a momentum m: that of 1 / (1 - m), the updates over which it averages."""

NEXT_TO_ZERO, FAR_BELOW = 1e-1, 1e-3
"""On a log scale zero stands a decade below the smallest listed value that is not zero, three below the top of a range:
as 1e-5 does with weight decays up to 1e-2, of which the usual ones are 1e-3 to 1e-5 (M)."""

NEAR_ZERO = 0.005
"""What is nearer than this to the stand-in for zero, in logarithms, is zero: half the last digit that is kept."""

DIGITS = 3
"""Significant digits of a number that is drawn from a range: finer than any difference that a run could show."""


@dataclass(frozen=True)
class Numeric:
    """A number. ``values`` are all that it can take, in rising order; without them any between ``low`` and ``high``."""

    name: str
    low: float
    high: float
    scale: Scale = "linear"
    integer: bool = False
    values: tuple[int | float, ...] = ()

    @property
    def moves(self) -> bool:
        return self.high > self.low

    @cached_property
    def _floor(self) -> float:
        """Return what stands for zero on a log scale."""
        if self.low > 0:
            return self.low
        positive = [value * NEXT_TO_ZERO for value in self.values if value > 0]
        return min(positive, default=self.high * FAR_BELOW)

    def raw(self, values: ArrayLike) -> Values:
        """Return values on the dimension's own scale, unbounded."""
        given = np.asarray(values, np.float64)
        if self.scale == "log":
            return np.log(np.maximum(given, self._floor))
        return -np.log1p(-given) if self.scale == "complement" else given

    def _from_raw(self, raw: Values) -> Values:
        if self.scale == "log":
            return np.where(raw > np.log(self._floor) + NEAR_ZERO, np.exp(raw), max(self.low, 0.0))
        return -np.expm1(-raw) if self.scale == "complement" else raw

    @cached_property
    def span(self) -> tuple[float, float]:
        """Return both ends of the range on its own scale."""
        return float(self.raw(self.low)), float(self.raw(self.high))

    def coordinate(self, value: Scalar) -> float:
        """Return where a value stands in [0, 1]; one outside the range stands at its end."""
        return float(self._coordinates(float(value))) if self.moves else 0.0

    def _coordinates(self, values: ArrayLike) -> Values:
        low, high = self.span
        return np.clip((self.raw(values) - low) / (high - low), 0.0, 1.0)

    def value(self, coordinate: float) -> int | float:
        """Return the value at a coordinate, of listed ones the nearest; numbers are round to three digits."""
        if self.values:
            return self.values[int(np.argmin(np.abs(self._stops - coordinate)))]
        found = float(self._between(np.array(coordinate)))
        return round(found) if self.integer else self._rounded(found)

    def _between(self, coordinates: Values) -> Values:
        low, high = self.span
        return np.clip(self._from_raw(low + coordinates * (high - low)), self.low, self.high)

    def _rounded(self, found: float) -> float:
        rounded = 1 - _round(1 - found) if self.scale == "complement" else _round(found)
        return min(max(round(rounded, 12), self.low), self.high)

    @cached_property
    def _stops(self) -> Values:
        return np.array([self.coordinate(value) for value in self.values])

    def snapped(self, coordinates: Values) -> Values:
        """Return the coordinates (shape [n]) of the nearest values that it can take."""
        if self.values:
            return np.asarray(self._stops[np.abs(coordinates[:, None] - self._stops).argmin(axis=1)])
        if self.integer:
            return self._coordinates(np.rint(self._between(coordinates)))
        return coordinates

    def features(self, coordinates: Values) -> Values:
        """Return what the model sees of it, shape [n, 1]."""
        return coordinates[:, None]


@dataclass(frozen=True)
class Categorical:
    """One of some values without an order; its coordinate is that of the middle of the value's share of [0, 1]."""

    name: str
    values: tuple[Scalar, ...]

    @property
    def moves(self) -> bool:
        return len(self.values) > 1

    def coordinate(self, value: Scalar) -> float:
        """Return the middle of the share of a value; the first stands for one that is not listed."""
        logical = isinstance(value, bool)
        same = [other == value and isinstance(other, bool) is logical for other in self.values]
        index = same.index(True) if any(same) else 0
        return (index + 0.5) / len(self.values)

    def value(self, coordinate: float) -> Scalar:
        return self.values[int(self._indices(np.array([coordinate]))[0])]

    def snapped(self, coordinates: Values) -> Values:
        return np.asarray((self._indices(coordinates) + 0.5) / len(self.values))

    def features(self, coordinates: Values) -> Values:
        """Return one column a value, shape [n, values]; two different values are one apart."""
        return np.asarray(np.eye(len(self.values))[self._indices(coordinates)] / np.sqrt(2.0))

    def _indices(self, coordinates: Values) -> NDArray[np.int64]:
        return np.minimum((coordinates * len(self.values)).astype(np.int64), len(self.values) - 1)


Dimension = Numeric | Categorical


def ordered(name: str, values: Sequence[int | float], scale: Scale) -> Numeric:
    """Return a number that can take these values alone."""
    rising = tuple(sorted(values))
    return Numeric(name, float(rising[0]), float(rising[-1]), scale, values=rising)


def _round(value: float) -> float:
    return float(f"{value:.{DIGITS - 1}e}")
