"""Where to look next: the points of greatest expected improvement, several at once that keep apart."""

from __future__ import annotations

import math

import numpy as np

from studies.core.search.dimensions import Values
from studies.core.search.gaussian_process import (
    MAX_FITTED,
    GaussianProcess,
    Hyperparameters,
    condition,
    fit,
)
from studies.core.search.observing import Observations
from studies.core.search.space import SearchSpace

MAX_OBSERVATIONS = 400
"""Observations that the model rests on at most: the best half and the latest half."""

FAR = -6.0
"""Standard deviations below the target from which on an asymptote is exact enough."""

EVERYWHERE, NEARBY = 1_000, 600
"""Candidates all over the space, and around the best points known."""

CENTRES = 4
RADII = (0.03, 0.1, 0.25)
FLOOR = 0.25
"""The worst quarter of the values are drawn up to its edge: how bad a bad point is says nothing about where the best
ones are, but would rule the model."""


def suggest(space: SearchSpace, seen: Observations, count: int, seed: int) -> list[Values]:
    """Return up to `count` points to run, best first; fewer where the space has no more that were not run yet.

    A point that is asked for, or under way, enters as if it had given what the model expects of it (kriging believer),
    so those after it keep away from it. The same arguments give the same points.
    """
    kept = _kept(seen.values, MAX_OBSERVATIONS)
    inputs, values, noise = space.features(seen.points[kept]), *_standardised(seen, kept)
    chosen = _kept(seen.values[kept], MAX_FITTED)
    theta = fit(inputs[chosen], values[chosen], noise[chosen])
    random = np.random.default_rng([seed, len(seen.values), len(seen.pending)])
    taken = np.concatenate([seen.points, seen.pending])
    model = _believing(condition(inputs, values, noise, theta), space, seen.pending, values, noise, theta)
    found: list[Values] = []
    while len(found) < count:
        point = _best_candidate(space, model, seen.points[kept], values, taken, random)
        if point is None:
            break
        found.append(point)
        taken = np.concatenate([taken, point[None]])
        asked = np.concatenate([seen.pending, np.array(found)])
        model = _believing(condition(inputs, values, noise, theta), space, asked, values, noise, theta)
    return found


def _kept(values: Values, most: int) -> Values:
    """Return the indices of the best and of the latest observations, all where there are few."""
    if values.size <= most:
        return np.arange(values.size)
    best = np.argsort(-values, kind="stable")[: most // 2]
    latest = np.setdiff1d(np.arange(values.size), best)[-(most - best.size) :]
    return np.sort(np.concatenate([best, latest]))


def _standardised(seen: Observations, kept: Values) -> tuple[Values, Values]:
    """Return values of mean zero and variance one, and the extra noise of each in the same unit."""
    values = seen.values[kept]
    drawn = np.maximum(values, np.quantile(values, FLOOR))
    scale = float(np.std(drawn)) or 1.0
    return (drawn - np.mean(drawn)) / scale, seen.spread[kept] / scale**2


def _believing(
    model: GaussianProcess, space: SearchSpace, pending: Values, values: Values, noise: Values, theta: Hyperparameters
) -> GaussianProcess:
    if not len(pending):
        return model
    features = space.features(pending)
    believed, _ = model.predict(features)
    inputs = np.concatenate([model.inputs, features])
    extra = np.concatenate([noise, np.zeros(len(pending))])
    return condition(inputs, np.concatenate([values, believed]), extra, theta)


# --- candidates --------------------------------------------------------------------------------------------------


def _best_candidate(
    space: SearchSpace,
    model: GaussianProcess,
    points: Values,
    values: Values,
    taken: Values,
    random: np.random.Generator,
) -> Values | None:
    target = float(np.max(model.predict(space.features(points))[0]))
    centres = points[np.argsort(-values, kind="stable")[:CENTRES]]
    wide = np.concatenate([_quasi_random(EVERYWHERE, len(space), random), _around(centres, NEARBY, random)])
    first = _fresh(space.snapped(wide), taken)
    if not len(first):
        return None
    gains = log_expected_improvement(model, space.features(first), target)
    leaders = first[np.argsort(-gains, kind="stable")[:CENTRES]]
    second = _fresh(space.snapped(_around(leaders, NEARBY, random)), taken)
    both = np.concatenate([first, second])
    gains = np.concatenate([gains, log_expected_improvement(model, space.features(second), target)])
    return np.asarray(both[int(np.argmax(gains))])


def _fresh(points: Values, taken: Values) -> Values:
    """Return the points that are not `taken`, each once."""
    known = {point.tobytes() for point in np.round(taken, 6) + 0.0}
    fresh = {point.tobytes(): index for index, point in enumerate(np.round(points, 6) + 0.0)}
    return points[[index for key, index in fresh.items() if key not in known]]


def _quasi_random(count: int, dimensions: int, random: np.random.Generator) -> Values:
    """Return points of the additive recurrence with the generalised golden ratio, shifted at random (Roberts, 2018)."""
    ratio = 2.0
    for _ in range(32):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    slopes = ratio ** -np.arange(1.0, dimensions + 1)
    return np.asarray((random.random(dimensions) + np.arange(count)[:, None] * slopes) % 1.0)


def _around(centres: Values, count: int, random: np.random.Generator) -> Values:
    """Return points near centres: a few coordinates moved at a time, by small, middling or large steps."""
    dimensions = centres.shape[1]
    base = centres[random.integers(len(centres), size=count)]
    radius = random.choice(RADII, size=(count, 1))
    moved = random.random((count, dimensions)) < max(1.0, min(3.0, dimensions / 2)) / dimensions
    moved[np.arange(count), random.integers(dimensions, size=count)] = True
    steps = radius * random.standard_normal((count, dimensions))
    return np.asarray(np.clip(base + moved * steps, 0.0, 1.0))


def log_expected_improvement(model: GaussianProcess, features: Values, target: float) -> Values:
    """Return the logarithm of the expected improvement on `target`, shape [m]; it tells far points apart as well."""
    mean, deviation = model.predict(features)
    z = (mean - target) / deviation
    return np.asarray(np.log(deviation) + _log_h(z))


def _log_h(z: Values) -> Values:
    """Return log(phi(z) + z Phi(z)); far below zero by its asymptote, phi(z) / z^2 (Ament et al., 2023)."""
    near = np.maximum(z, FAR)
    density = np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi)
    exact = np.log(density + near * _normal(near))
    far = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) - 2 * np.log(np.maximum(-z, 1.0))
    return np.where(z > FAR, exact, far)


def _normal(z: Values) -> Values:
    """Return the normal distribution function."""
    return np.array([0.5 * math.erfc(each) for each in -z / math.sqrt(2.0)])
