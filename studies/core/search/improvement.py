"""Expected improvement (Mockus, 1978): how much better than the best a point may be expected to be, if it is."""

from __future__ import annotations

import math

import numpy as np

from studies.core.search.dimensions import Values

FAR = -6.0
"""Standard deviations below the target from which on an asymptote is exact enough."""


def log_expected_improvement(mean: Values, deviation: Values, target: float) -> Values:
    """Return the logarithm of the expected improvement on `target`, shape [n].

    The logarithm tells apart points that all promise next to nothing (Ament et al., 2023).
    """
    z = (mean - target) / deviation
    near = np.maximum(z, FAR)
    density = np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi)
    exact = np.log(density + near * _normal(near))
    far = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) - 2 * np.log(np.maximum(-z, 1.0))
    return np.asarray(np.log(deviation) + np.where(z > FAR, exact, far))


def _normal(z: Values) -> Values:
    """Return the normal distribution function."""
    return np.array([0.5 * math.erfc(each) for each in -z / math.sqrt(2.0)])
