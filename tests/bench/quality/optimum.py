"""The best result of a task that can be asked in bulk, and that of its median random configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from studies.contract.base import Params
from tests.bench.quality.axes import Axis, decode
from tests.bench.quality.task import Scale

SAMPLE = 2**11
"""Points of the Sobol sample: the median is that of a random configuration, the best are where the climb begins."""

ROUNDS, PARENTS, CHILDREN = 12, 32, 16
"""Rounds of the climb; in each, the best so many points are varied so many times..."""

SPREAD, SHRINK = 0.3, 0.75
"""...by a normal step, a share of each axis, that shrinks from round to round."""

Units = NDArray[np.float64]


def best_and_median(axes: Sequence[Axis], results: Callable[[list[Params]], NDArray[np.float64]]) -> Scale:
    """Return the best result that a wide sample and a climb from its best points find, and the sample's median."""
    random = np.random.default_rng(0)

    def evaluated(units: Units) -> NDArray[np.float64]:
        return results([_point(axes, row) for row in units])

    units = qmc.Sobol(len(axes), seed=0).random(SAMPLE)
    values = evaluated(units)
    median = float(np.median(values))
    for step in range(ROUNDS):
        children = _varied(units[np.argsort(-values)[:PARENTS]], SPREAD * SHRINK**step, random)
        units, values = np.vstack([units, children]), np.concatenate([values, evaluated(children)])
    return Scale(float(values.max()), median)


def _varied(parents: Units, spread: float, random: np.random.Generator) -> Units:
    """Return children [PARENTS x CHILDREN, d], each with about half its axes moved."""
    repeated = np.repeat(parents, CHILDREN, axis=0)
    moved = random.random(repeated.shape) < 1 / 2
    return np.asarray(np.clip(repeated + moved * random.normal(0.0, spread, repeated.shape), 0.0, 1.0))


def _point(axes: Sequence[Axis], row: NDArray[np.float64]) -> Params:
    return {axis.name: decode(axis, float(unit)) for axis, unit in zip(axes, row, strict=True)}
