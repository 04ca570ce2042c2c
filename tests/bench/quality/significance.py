"""Whether a difference is more than luck: Wilcoxon's signed-rank test over tasks, Holm's correction, the bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

RESAMPLES = 1_000
COVERAGE = 0.95


def signed_rank(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the two-sided p value that two methods are as good, by their means on the same tasks, shape [tasks]."""
    return float(wilcoxon(a, b).pvalue) if np.any(a != b) else 1.0


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values corrected for having asked so many questions (Holm 1979)."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda entry: entry[1])):
        largest = max(largest, min(1.0, p * (len(p_values) - rank)))
        corrected[name] = largest
    return corrected


def interval(regrets: Sequence[NDArray[np.float64]], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean over tasks of means over seeds: both are drawn again."""
    random = np.random.default_rng(seed)
    means = [_resampled(regrets, random) for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _resampled(regrets: Sequence[NDArray[np.float64]], random: np.random.Generator) -> float:
    tasks = random.integers(len(regrets), size=len(regrets))
    return float(np.mean([np.mean(random.choice(regrets[task], regrets[task].size)) for task in tasks]))
