"""The axes of a search space, as every method is given them, and points drawn uniformly from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studies.contract.base import Params, Scalar


@dataclass(frozen=True)
class Numeric:
    """A range ``low <= x <= high``, of whole numbers where ``integer``, uniform in log x where ``log``."""

    name: str
    low: float
    high: float
    log: bool = False
    integer: bool = False


@dataclass(frozen=True)
class Ordinal:
    """A few numbers in their order, such as the batch sizes of a table."""

    name: str
    choices: tuple[float, ...]


@dataclass(frozen=True)
class Categorical:
    """A few values without order."""

    name: str
    choices: tuple[str, ...]


Axis = Numeric | Ordinal | Categorical


def decode(axis: Axis, unit: float) -> Scalar:
    """Return the value of `axis` at `unit`, in [0, 1): equal lengths are equally likely in a random search."""
    if not isinstance(axis, Numeric):
        return axis.choices[min(len(axis.choices) - 1, int(unit * len(axis.choices)))]
    if axis.integer and not axis.log:
        return int(axis.low + min(axis.high - axis.low, math.floor(unit * (axis.high - axis.low + 1))))
    value = axis.low * (axis.high / axis.low) ** unit if axis.log else axis.low + (axis.high - axis.low) * unit
    return round(value) if axis.integer else value


def draw(axes: Sequence[Axis], random: np.random.Generator) -> Params:
    """Return one point drawn uniformly."""
    return {axis.name: decode(axis, float(random.random())) for axis in axes}


def clip(axis: Axis, value: Scalar) -> Scalar:
    """Return the nearest value that the axis has: a method may leave the range, but pays for what it runs there."""
    if isinstance(axis, Categorical):
        return value
    if isinstance(axis, Ordinal):
        return min(axis.choices, key=lambda choice: abs(choice - float(value)))
    inside = min(max(float(value), axis.low), axis.high)
    return round(inside) if axis.integer else inside
