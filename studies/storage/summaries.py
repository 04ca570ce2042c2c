"""What is known of a trial's metric at a glance, kept beside the chunks: lists and figures never decode a curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studies.contract.states import TrialState
from studies.contract.study_file import Metric
from studies.contract.views import MetricSummary
from studies.core.curves import Ragged, sketch, sketches
from studies.core.snapshot import Curve
from studies.storage.assembly import in_order, joined
from studies.storage.records import TrialRecord

_FIELDS = ("last_step", "last", "minimum", "maximum", "count")


@dataclass(frozen=True, eq=False)
class Running:
    """A metric of a trial so far: its summary, and its curve thinned by `studies.core.curves.sketch`."""

    summary: MetricSummary
    thinned: Curve


def extended(before: Running | None, curve: Curve) -> Running:
    """Return what is known after the points of `curve` (at least one). Costs what is new, whatever was before."""
    (news,) = summaries(Ragged.of([curve]))
    if before is None:
        return Running(news, sketch(curve))
    return Running(together(before.summary, news), sketch(joined([before.thinned, curve])))


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


def together(before: MetricSummary, news: MetricSummary) -> MetricSummary:
    """Return what is known after `news`: of two last values at one step, the later reported counts."""
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


def scored(trial: TrialRecord, summaries: Mapping[str, MetricSummary], metric: Metric) -> TrialRecord:
    """Return a trial that may just have ended with its score, which only a completed one has."""
    if trial.state is not TrialState.COMPLETED:
        return trial
    return replace(trial, score=score(summaries.get(metric.name), metric.direction))


# --- as bytes ----------------------------------------------------------------------------------------------------

_POINT = np.dtype([("step", "<i4"), ("value", "<f4")])


def packed(thinned: Curve) -> bytes:
    """Return a thinned curve as bytes, eight a point."""
    return _bytes(thinned.steps, thinned.values)


def unpacked(data: bytes | None) -> Curve:
    """Return the thinned curve that was packed; None, in place of one that was never kept, is an empty one."""
    points = np.frombuffer(data or b"", _POINT)
    return Curve(points["step"].astype(np.int64), points["value"].astype(np.float64))


def continued(before: Sequence[bytes], news: Ragged) -> list[bytes]:
    """Return thinned curves after more points, all of them packed; each goes on with the one of `news` in its place.

    Where there was no curve before, the bytes are empty.
    """
    old = unpacked(b"".join(before))
    lengths = np.array([len(data) // _POINT.itemsize for data in before], np.int64)
    both = Ragged(
        np.concatenate((old.steps, news.steps)),
        np.concatenate((old.values, news.values)),
        np.concatenate((lengths, news.lengths)),
    )
    owners = np.tile(np.arange(len(news)), 2)
    thinned = sketches(in_order(both.gathered(owners)))
    data = memoryview(_bytes(thinned.steps, thinned.values))
    cuts = zip((thinned.starts * _POINT.itemsize).tolist(), (thinned.ends * _POINT.itemsize).tolist(), strict=True)
    return [bytes(data[start:end]) for start, end in cuts]


def _bytes(steps: NDArray[np.int64], values: NDArray[np.float64]) -> bytes:
    points = np.empty(steps.size, _POINT)
    points["step"] = steps
    points["value"] = values
    return points.tobytes()
