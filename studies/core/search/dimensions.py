"""One hyperparameter as a coordinate in [0, 1]: on which scale it is searched, and which values it can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studies.contract.base import Scalar

Values = NDArray[np.float64]
Scale = Literal["linear", "log", "complement"]
"""``complement`` is the scale of a momentum m: that of 1 / (1 - m), the updates over which it averages."""

ZERO = 10.0
"""On a log scale zero stands a factor of ten below the smallest value that is not zero."""

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
        return min((value for value in (*self.values, self.high) if value > 0), default=1.0) / ZERO

    def raw(self, value: float) -> float:
        """Return the value on its own scale, unbounded."""
        if self.scale == "log":
            return float(np.log(max(value, self._floor)))
        return float(-np.log1p(-value)) if self.scale == "complement" else float(value)

    @cached_property
    def span(self) -> tuple[float, float]:
        """Return both ends of the range on its own scale."""
        return self.raw(self.low), self.raw(self.high)

    def coordinate(self, value: Scalar) -> float:
        """Return where a value stands in [0, 1]; one outside the range stands at its end."""
        low, high = self.span
        return min(max((self.raw(float(value)) - low) / (high - low), 0.0), 1.0) if self.moves else 0.0

    def value(self, coordinate: float) -> int | float:
        """Return the value at a coordinate, of listed ones the nearest; numbers are round to three digits."""
        low, high = self.span
        if self.values:
            return self.values[int(np.argmin(np.abs(self._stops - coordinate)))]
        raw = low + coordinate * (high - low)
        found = {"log": np.exp(raw), "complement": -np.expm1(-raw), "linear": raw}[self.scale]
        if self.integer:
            return round(min(max(float(found), self.low), self.high))
        return self._rounded(float(found))

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
            return np.array([self.coordinate(self.value(each)) for each in coordinates])
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
        index = self.values.index(value) if value in self.values else 0
        return (index + 0.5) / len(self.values)

    def value(self, coordinate: float) -> Scalar:
        return self.values[self._indices(np.array([coordinate]))[0]]

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
