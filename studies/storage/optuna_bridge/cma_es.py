"""CMA-ES (Hansen and Ostermeier, 2001) as a pure function of a request, by the library that Optuna's sampler uses too.

Optuna's own sampler keeps its state in the study that it works on, and here there is a new one each time. A request's
history says all that is needed: its points are told a population after the other, in the order in which they were asked
for, so that the same history leads to the same distribution whatever ended first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from studies.contract.base import Params, Scalar
from studies.core.sampling import Axis, CategoryAxis, FloatAxis, Observation, SearchRequest, index_of

Values = NDArray[np.float64]

SIGMA = 1 / 6
"""Standard deviation that it begins with, as a share of each axis: Optuna's."""

FEWEST = 2
"""Axes of numbers that it takes: a covariance needs two. With fewer, and on axes without order, points are random."""


def evolve(request: SearchRequest, seed: int) -> tuple[Params, ...]:
    """Return `request.count` points; the same request and seed give the same points."""
    random = np.random.default_rng(seed)
    numbers = [axis for axis in request.space if _is_number(axis)]
    drawn = _drawn(request, numbers, seed) if len(numbers) >= FEWEST else None
    whole = [_point(request.space, next(drawn) if drawn else None, random) for _ in range(request.count)]
    return tuple(_counting(request, point) for point in whole)


def _counting(request: SearchRequest, point: Params) -> Params:
    """Return a point without what does not count; axes stand behind those that they depend on."""
    found: Params = {}
    for name, value in point.items():
        if request.counts(name, found):
            found[name] = value
    return found


def _drawn(request: SearchRequest, axes: Sequence[Axis], seed: int) -> Iterator[dict[str, float]]:
    """Yield places on the axes from the distribution that the history leads to."""
    needed = [axis.name for axis in axes if not any(each.name == axis.name for each in request.conditions)]
    known = [seen for seen in request.history if all(name in seen.point for name in needed)]
    start = _places(known[0], axes) if known else np.full(len(axes), 0.5)
    bounds = np.tile([0.0, 1.0], (len(axes), 1))
    search = CMA(mean=start, sigma=SIGMA, bounds=bounds, seed=seed % 2**32)
    told = [seen for seen in known if seen.score is not None]
    for begin in range(0, len(told) - search.population_size + 1, search.population_size):
        population = told[begin : begin + search.population_size]
        costs = _costs(population, maximize=request.maximize)
        search.tell([(_places(seen, axes), cost) for seen, cost in zip(population, costs, strict=True)])
    while True:
        yield {axis.name: float(at) for axis, at in zip(axes, search.ask(), strict=True)}


def _costs(population: Sequence[Observation], *, maximize: bool) -> list[float]:
    """Return the rank of each, 0 for the best: finished runs first, those stopped after them, the later ones before.

    Ranks are all that CMA-ES looks at.
    """

    def badness(seen: Observation) -> tuple[float, float]:
        score = seen.score if seen.score is not None and np.isfinite(seen.score) else None
        worse = np.inf if score is None else -score if maximize else score
        return (-np.inf if seen.stopped_at is None else -seen.stopped_at), worse

    order = sorted(range(len(population)), key=lambda index: badness(population[index]))
    ranks = {index: float(rank) for rank, index in enumerate(order)}
    return [ranks[index] for index in range(len(population))]


def _point(space: Sequence[Axis], drawn: dict[str, float] | None, random: np.random.Generator) -> Params:
    return {
        axis.name: _value(axis, drawn[axis.name] if drawn and axis.name in drawn else random.random()) for axis in space
    }


def _is_number(axis: Axis) -> bool:
    """Return whether an axis has an order, and more than one value."""
    if isinstance(axis, FloatAxis):
        return axis.high > axis.low
    return not isinstance(axis, CategoryAxis) and len(axis.choices) > 1


# --- axes as [0, 1] ----------------------------------------------------------------------------------------------


def _places(seen: Observation, axes: Sequence[Axis]) -> Values:
    """Return a point as places; what does not count there stands in the middle, and says nothing."""
    return np.array([_place(axis, seen.point[axis.name]) if axis.name in seen.point else 0.5 for axis in axes])


def _place(axis: Axis, value: Scalar) -> float:
    """Return where a value stands in [0, 1]; of choices each has an equal share, and stands in its middle."""
    if not isinstance(axis, FloatAxis):
        return (index_of(axis.choices, value) + 0.5) / len(axis.choices)
    low, high, at = (np.log(x) if axis.log else x for x in (axis.low, axis.high, float(value)))
    return float(np.clip((at - low) / (high - low), 0.0, 1.0))


def _value(axis: Axis, place: float) -> Scalar:
    if not isinstance(axis, FloatAxis):
        return axis.choices[min(int(place * len(axis.choices)), len(axis.choices) - 1)]
    low, high = (np.log(x) if axis.log else x for x in (axis.low, axis.high))
    at = low + place * (high - low)
    return float(np.clip(np.exp(at) if axis.log else at, axis.low, axis.high))
