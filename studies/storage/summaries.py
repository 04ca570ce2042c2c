"""The running summary of a trial's metric: kept beside the chunks, so that lists never decode a curve."""

from __future__ import annotations

from typing import Literal

import numpy as np

from studies.contract.views import MetricSummary
from studies.core.snapshot import Curve


def extended(summary: MetricSummary | None, curve: Curve) -> MetricSummary:
    """Return `summary` after the points of `curve` (at least one). Minimum and maximum are of the finite values."""
    finite = curve.values[np.isfinite(curve.values)]
    lows = [] if finite.size == 0 else [float(finite.min())]
    highs = [] if finite.size == 0 else [float(finite.max())]
    last_step, last, count = int(curve.steps[-1]), float(curve.values[-1]), len(curve)
    if summary is not None:
        lows += [] if np.isnan(summary.minimum) else [summary.minimum]
        highs += [] if np.isnan(summary.maximum) else [summary.maximum]
        count += summary.count
        if summary.last_step > last_step:
            last_step, last = summary.last_step, summary.last
    return MetricSummary(
        last_step=last_step,
        last=last,
        minimum=min(lows, default=float("nan")),
        maximum=max(highs, default=float("nan")),
        count=count,
    )


def score(summary: MetricSummary | None, direction: Literal["maximize", "minimize"]) -> float | None:
    """Return the best finite value by `direction`, None where there is none."""
    if summary is None:
        return None
    best = summary.maximum if direction == "maximize" else summary.minimum
    return best if np.isfinite(best) else None
