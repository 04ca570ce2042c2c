"""What is known of a trial's metric at a glance, kept beside the chunks: lists and figures never decode a curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import MetricSummary
from studies.core.curves import sketch
from studies.core.snapshot import Curve
from studies.storage.assembly import joined
from studies.storage.records import TrialRecord


@dataclass(frozen=True, eq=False)
class Running:
    """A metric of a trial so far: its summary, and its curve thinned by `studies.core.curves.sketch`."""

    summary: MetricSummary
    thinned: Curve


def extended(before: Running | None, curve: Curve) -> Running:
    """Return what is known after the points of `curve` (at least one). Costs what is new, whatever was before."""
    if before is None:
        return Running(_summary(None, curve), sketch(curve))
    return Running(_summary(before.summary, curve), sketch(joined([before.thinned, curve])))


def _summary(summary: MetricSummary | None, curve: Curve) -> MetricSummary:
    """Return `summary` after the points of `curve`. Minimum and maximum are of the finite values."""
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


def scored(trial: TrialRecord, summaries: Mapping[str, MetricSummary], metric: Metric) -> TrialRecord:
    """Return a trial that may just have ended with its score, which only a completed one has."""
    if trial.state is not TrialState.COMPLETED:
        return trial
    return replace(trial, score=score(summaries.get(metric.name), metric.direction))


# --- as bytes ----------------------------------------------------------------------------------------------------

_POINT = np.dtype([("step", "<i4"), ("value", "<f4")])


def packed(thinned: Curve) -> bytes:
    """Return a thinned curve as bytes, eight a point."""
    points = np.empty(len(thinned), _POINT)
    points["step"] = thinned.steps
    points["value"] = thinned.values
    return points.tobytes()


def unpacked(data: bytes | None) -> Curve:
    """Return the thinned curve that was packed; None, in place of one that was never kept, is an empty one."""
    points = np.frombuffer(data or b"", _POINT)
    return Curve(points["step"].astype(np.int64), points["value"].astype(np.float64))
