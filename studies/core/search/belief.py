"""What is believed of the space by all that the runs have shown: a Gaussian process over points and shares of a run.

How far a run had come is one more feature of an observation, so that the model learns how much an early value says
about the end, and where it says less: larger or more regularised models gain late (Swersky et al., Freeze-thaw Bayesian
optimization, 2014; Wistuba et al., Supervising the multi-fidelity race of hyperparameter configurations, 2022). What is
asked of it is always the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from studies.core.search.dimensions import Values
from studies.core.search.gaussian_process import GaussianProcess, Hyperparameters, condition, fit
from studies.core.search.lengths import REDUCTION, RUNGS
from studies.core.search.observing import Observations
from studies.core.search.space import SearchSpace

MAX_OBSERVATIONS = 400
"""Observations that the model rests on at most, the best half and the latest half: its cost grows with their cube."""

MAX_FITTED = 100
"""Observations that its lengths are fitted to, likewise: more decide little about a length."""

FLOOR = 2.0
"""A value that lies further below the median than so many times the best lies above it is drawn up to there: how bad a
bad point is says nothing about where the best ones are, but would rule the model."""


@dataclass(frozen=True)
class Belief:
    """What the model rests on.

    Attributes:
        points, shares: of the observations, shapes [n, d] and [n].
        values: theirs, standardised by ``centre`` and ``scale``, shape [n].
        theta: the model's hyperparameters.
    """

    space: SearchSpace
    points: Values
    shares: Values
    values: Values
    centre: float
    scale: float
    theta: Hyperparameters

    def features(self, points: Values, shares: Values | None = None) -> Values:
        """Return what the model sees of points at shares of a run, at its end if not said: shape [n, f]."""
        far = np.ones(len(points)) if shares is None else _on_the_way(shares)
        return np.concatenate([self.space.features(points), far[:, None]], axis=1)

    @cached_property
    def process(self) -> GaussianProcess:
        return condition(self.features(self.points, self.shares), self.values, self.theta)

    @cached_property
    def finished(self) -> Values:
        """Return the points of which the end is known, shape [m, d]."""
        return np.asarray(self.points[self.shares == 1.0])

    @cached_property
    def best(self) -> float:
        """Return the best end that is expected where one is known; that of all points where none is."""
        known = self.finished if len(self.finished) else self.points
        return float(np.max(self.at_the_end(known)[0]))

    def at_the_end(self, points: Values) -> tuple[Values, Values]:
        """Return mean and standard deviation of what full runs of points would come to, standardised."""
        return self.process.predict(self.features(points))

    def in_units(self, value: float) -> float:
        """Return a standardised value in units of the metric, higher still being better."""
        return float(value * self.scale + self.centre)

    def after(self, asked: Values) -> Belief:
        """Return the belief that takes for granted what it expects of points `asked` (kriging believer).

        So the points that are chosen next keep away from them.
        """
        if not len(asked):
            return self
        expected = self.at_the_end(asked)[0]
        return replace(
            self,
            points=np.concatenate([self.points, asked]),
            shares=np.concatenate([self.shares, np.ones(len(asked))]),
            values=np.concatenate([self.values, expected]),
        )


def believe(space: SearchSpace, seen: Observations) -> Belief:
    """Return the belief that observations (one at least) come to."""
    kept = _kept(seen.values, MAX_OBSERVATIONS)
    values, centre, scale = _standardised(seen.values[kept])
    told = Belief(space, seen.points[kept], seen.shares[kept], values, centre, scale, np.empty(0))
    fitted = _kept(values, MAX_FITTED)
    features = told.features(told.points[fitted], told.shares[fitted])
    return replace(told, theta=_fitted(features.shape, features.tobytes(), values[fitted].tobytes()))


@lru_cache(maxsize=16)
def _fitted(shape: tuple[int, int], inputs: bytes, values: bytes) -> Hyperparameters:
    """Return what `fit` does; `decide` is asked after every event, and most say nothing new to the model."""
    return fit(np.frombuffer(inputs).reshape(shape), np.frombuffer(values))


def _on_the_way(shares: Values) -> Values:
    """Return shares as a feature: 0 at the first rung, 1 at the end, even steps between rungs."""
    return np.asarray(1.0 + np.log(shares) / math.log(REDUCTION ** (RUNGS - 1)))


def _kept(values: Values, most: int) -> NDArray[np.int64]:
    """Return the indices of the best and of the latest observations, all where there are few."""
    if values.size <= most:
        return np.arange(values.size)
    best = np.argsort(-values, kind="stable")[: most // 2]
    latest = np.setdiff1d(np.arange(values.size), best)[-(most - best.size) :]
    return np.sort(np.concatenate([best, latest]))


def _standardised(values: Values) -> tuple[Values, float, float]:
    """Return the values with mean zero and variance one, the worst of them drawn up; and what they were before."""
    median = float(np.median(values))
    drawn = np.maximum(values, median - FLOOR * (float(np.max(values)) - median))
    centre, scale = float(np.mean(drawn)), float(np.std(drawn)) or 1.0
    return np.asarray((drawn - centre) / scale), centre, scale
