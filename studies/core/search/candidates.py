"""Points that may be tried next: all over the space, and around the best that are known."""

from __future__ import annotations

import numpy as np

from studies.core.search.dimensions import Values
from studies.core.search.space import SearchSpace

EVERYWHERE, NEARBY = 1_000, 600
"""Candidates all over the space, and around some centres."""

RADII = (0.03, 0.1, 0.25)
"""Standard deviations of the steps from a centre, as shares of a dimension: fine, middling and wide."""

MOST_MOVED = 3.0
"""Coordinates that are moved at once, on average and at most: a good point seldom becomes better in all of them."""


def everywhere(space: SearchSpace, centres: Values, random: np.random.Generator) -> Values:
    """Return points that a run can be started with, shape [n, d]: quasi-random ones, and some around `centres`."""
    wide = quasi_random(EVERYWHERE, len(space), random)
    return space.snapped(np.concatenate([wide, around(centres, NEARBY, random)]))


def nearby(space: SearchSpace, centres: Values, random: np.random.Generator) -> Values:
    """Return points around `centres` that a run can be started with."""
    return space.snapped(around(centres, NEARBY, random))


def fresh(points: Values, taken: Values) -> Values:
    """Return the points that are not `taken`, each once."""
    known = {key.tobytes() for key in _keys(taken)}
    found = {key.tobytes(): index for index, key in enumerate(_keys(points))}
    return points[[index for key, index in found.items() if key not in known]]


def _keys(points: Values) -> Values:
    """Return points without rounding errors; adding zero makes -0.0 equal to 0.0 byte by byte."""
    return np.asarray(np.round(points, 6) + 0.0)


def quasi_random(count: int, dimensions: int, random: np.random.Generator) -> Values:
    """Return the additive recurrence by the generalised golden ratio (Roberts, 2018), shifted at random."""
    ratio = 2.0
    for _ in range(32):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    slopes = ratio ** -np.arange(1.0, dimensions + 1)
    return np.asarray((random.random(dimensions) + np.arange(count)[:, None] * slopes) % 1.0)


def around(centres: Values, count: int, random: np.random.Generator) -> Values:
    """Return points near centres: a few coordinates moved at a time, by small, middling or wide steps."""
    dimensions = centres.shape[1]
    base = centres[random.integers(len(centres), size=count)]
    moved = random.random((count, dimensions)) < min(1.0, MOST_MOVED / dimensions)
    moved[np.arange(count), random.integers(dimensions, size=count)] = True
    steps = random.choice(RADII, size=(count, 1)) * random.standard_normal((count, dimensions))
    return np.asarray(np.clip(base + moved * steps, 0.0, 1.0))
