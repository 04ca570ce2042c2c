"""How long the joint search takes for a suggestion, by observations: ``python -m tests.bench.suggestions``.

Processor time of one thread (set OMP_NUM_THREADS=1), ten dimensions and two decay dimensions, median of five.
"""

from __future__ import annotations

import time

import numpy as np

from studies.core.search.observing import Observations
from studies.core.search.space import SearchSpace, space_of
from studies.core.search.suggest import suggest
from tests.simulation.tabulated import tabulated_study

COUNTS = (20, 200, 2_000)
REPEATS = 5


def a_space() -> SearchSpace:
    further = {f"x{index}": {"kind": "float", "low": 0.0, "high": 1.0} for index in range(5)}
    activation = {"kind": "choice", "values": ["relu", "gelu", "tanh"]}
    space = {**further, "activation": activation}
    forms = ("linear", "cosine")
    return space_of(tabulated_study(epochs=50, trials=20, space=space, defaults={}, forms=forms, starts=(0.0, 0.5)))


def seconds(space: SearchSpace, observations: int, count: int) -> float:
    """Return the median processor time of `count` suggestions asked at once."""
    points = space.snapped(np.random.default_rng(0).random((observations, len(space))))
    shares = np.resize((1 / 9, 1 / 3, 1.0), observations)
    seen = Observations(points, shares, -np.sum((points - 0.4) ** 2, axis=1), np.empty((0, len(space))))
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        suggest(space, seen, count, seed=0)
        spent.append(time.process_time() - began)
    return float(np.median(spent))


if __name__ == "__main__":
    for observations in COUNTS:
        one, eight = (seconds(a_space(), observations, count) for count in (1, 8))
        print(f"{observations:>5} observations: one suggestion {one:.3f} s, eight at once {eight:.3f} s")  # noqa: T201
