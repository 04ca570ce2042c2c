"""The running summary of a trial's metric: kept beside the chunks, so that lists never decode a curve."""

from __future__ import annotations

from typing import Literal

import numpy as np

from studies.contract.views import MetricSummary
from studies.core.snapshot import Curve
from studies.storage.ragged import Ragged

_FIELDS = ("last_step", "last", "minimum", "maximum", "count")


def summaries(curves: Ragged) -> list[MetricSummary]:
    """Return the summary of each of `curves`. Minimum and maximum are of the finite values, NaN where there is none."""
    finite = np.isfinite(curves.values)
    low = np.minimum.reduceat(np.where(finite, curves.values, np.inf), curves.starts)
    high = np.maximum.reduceat(np.where(finite, curves.values, -np.inf), curves.starts)
    low[low == np.inf] = np.nan
    high[high == -np.inf] = np.nan
    last = curves.ends - 1
    columns = (curves.steps[last], curves.values[last], low, high, curves.lengths)
    rows = zip(*[column.tolist() for column in columns], strict=True)
    return [MetricSummary.model_construct(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


def summary(curve: Curve) -> MetricSummary:
    """Return the summary of a curve of at least one point."""
    return summaries(Ragged.of([curve]))[0]


def extended(before: MetricSummary | None, news: MetricSummary) -> MetricSummary:
    """Return what is known after `news`: of two last values at one step, the later reported counts."""
    if before is None:
        return news
    latest = before if before.last_step > news.last_step else news
    return MetricSummary(
        last_step=latest.last_step,
        last=latest.last,
        minimum=float(np.fmin(before.minimum, news.minimum)),
        maximum=float(np.fmax(before.maximum, news.maximum)),
        count=before.count + news.count,
    )


def score(summary: MetricSummary | None, direction: Literal["maximize", "minimize"]) -> float | None:
    """Return the best finite value by `direction`, None where there is none."""
    if summary is None:
        return None
    best = summary.maximum if direction == "maximize" else summary.minimum
    return best if np.isfinite(best) else None
