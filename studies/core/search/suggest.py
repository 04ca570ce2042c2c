"""Where to look next: the points of greatest expected improvement, several at once that keep apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studies.core.search.candidates import everywhere, fresh, nearby
from studies.core.search.dimensions import Values
from studies.core.search.gaussian_process import GaussianProcess, Hyperparameters, condition, fit
from studies.core.search.improvement import log_expected_improvement
from studies.core.search.observing import Observations
from studies.core.search.space import SearchSpace

MAX_OBSERVATIONS = 400
"""Observations that the model rests on at most, the best half and the latest half: its cost grows with their cube."""

MAX_FITTED = 100
"""Observations that its lengths are fitted to, likewise: more decide little about a length."""

CENTRES = 4
"""Best points known that candidates are drawn around, and best candidates around which to look once more."""

FLOOR = 2.0
"""A value that lies further below the median than so many times the best lies above it is drawn up to there: how bad a
bad point is says nothing about where the best ones are, but would rule the model."""


@dataclass(frozen=True)
class _Known:
    """What the model rests on: features [n, f] and standardised values [n] of runs, and its hyperparameters."""

    space: SearchSpace
    points: Values
    values: Values
    theta: Hyperparameters

    def model(self, asked: Values) -> GaussianProcess:
        """Return the model, which believes of the points `asked` for what it expects of them (kriging believer).

        So those that are chosen next keep away from them.
        """
        features = self.space.features(self.points)
        known = condition(features, self.values, self.theta)
        if not len(asked):
            return known
        more = self.space.features(asked)
        values = np.concatenate([self.values, known.predict(more)[0]])
        return condition(np.concatenate([features, more]), values, self.theta)


def suggest(space: SearchSpace, seen: Observations, count: int, seed: int) -> list[Values]:
    """Return up to `count` points to run, best first; fewer where the space has no more that were not run yet.

    The same arguments give the same points.
    """
    known = _known(space, seen)
    random = np.random.default_rng([seed, len(seen.values), len(seen.pending)])
    found: list[Values] = []
    while len(found) < count:
        asked = np.concatenate([seen.pending, *(point[None] for point in found)])
        point = _best(known, asked, np.concatenate([seen.points, asked]), random)
        if point is None:
            break
        found.append(point)
    return found


def _known(space: SearchSpace, seen: Observations) -> _Known:
    kept = _kept(seen.values, MAX_OBSERVATIONS)
    points, values = seen.points[kept], _standardised(seen.values[kept])
    fitted = _kept(values, MAX_FITTED)
    return _Known(space, points, values, fit(space.features(points[fitted]), values[fitted]))


def _kept(values: Values, most: int) -> NDArray[np.int64]:
    """Return the indices of the best and of the latest observations, all where there are few."""
    if values.size <= most:
        return np.arange(values.size)
    best = np.argsort(-values, kind="stable")[: most // 2]
    latest = np.setdiff1d(np.arange(values.size), best)[-(most - best.size) :]
    return np.sort(np.concatenate([best, latest]))


def _standardised(values: Values) -> Values:
    """Return the values with mean zero and variance one, the worst of them drawn up."""
    median = float(np.median(values))
    drawn = np.maximum(values, median - FLOOR * (float(np.max(values)) - median))
    return np.asarray((drawn - np.mean(drawn)) / (float(np.std(drawn)) or 1.0))


def _best(known: _Known, asked: Values, taken: Values, random: np.random.Generator) -> Values | None:
    """Return the point of greatest expected improvement among candidates that are not `taken`."""
    model, space = known.model(asked), known.space
    target = float(np.max(model.predict(space.features(known.points))[0]))

    def gains(points: Values) -> Values:
        return log_expected_improvement(*model.predict(space.features(points)), target)

    centres = known.points[np.argsort(-known.values, kind="stable")[:CENTRES]]
    first = fresh(everywhere(space, centres, random), taken)
    if not len(first):
        return None
    leaders = first[np.argsort(-gains(first), kind="stable")[:CENTRES]]
    both = np.concatenate([first, fresh(nearby(space, leaders, random), taken)])
    return np.asarray(both[int(np.argmax(gains(both)))])
